// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/spiller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/store/temporary_directory.h"

namespace morrow::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMebibyte = 1 << 20;
constexpr std::uint64_t kArenaBytes = 8 * kMebibyte;

class SpillerTest : public ::testing::Test {
 protected:
  SpillerTest() {
    arena_.back(kArenaBytes);
    open(0);
  }
  ~SpillerTest() override { background_.stop(); }
  /// On a disk of which so much is to stay free, and of which files take no more than `most` (0: what there is).
  void open(std::uint64_t left_free, std::uint64_t most = 0) {
    spiller_ = std::make_unique<Spiller>(
        table_, extents_, view_, background_,
        Spiller::Options{
            .folder = directory_.path(), .owner = "one", .disk_bytes_left_free = left_free, .most_bytes = most},
        Spiller::Events{.written = [this](Object& object) { written_.push_back(object.number); },
                        .give_up = [](const Object&) {},
                        .changed = [](const Object&) {},
                        .log = [this](const std::string& line) { log_.push_back(line); }});
  }

  /// Published, idle, full of one byte.
  Object& make(int byte, std::uint64_t size = kMebibyte) {
    Object& object = table_.create_to_write(1, extents_.allocate(size).value(), 0);
    std::ranges::fill(view_.inside(object.extent), static_cast<std::byte>(byte));
    ObjectTable::move_to(object, ObjectState::kHere);
    table_.touch(object);
    return object;
  }
  void until_written() {
    while (spiller_->is_writing()) {
      io_.restart();
      io_.run_one_for(std::chrono::seconds(30));
    }
  }
  /// Reads a file back into new room.
  base::Result<void> read(Object& object) {
    ObjectTable::move_to(object, ObjectState::kComing);
    object.extent = extents_.allocate(object.size_bytes).value();
    std::ranges::fill(view_.inside(object.extent), std::byte{0});
    std::optional<base::Result<void>> done;
    spiller_->read(object, [&](base::Result<void> result) { done = std::move(result); });
    while (!done) {
      io_.restart();
      io_.run_one_for(std::chrono::seconds(30));
    }
    return *done;
  }

  store::TemporaryDirectory directory_;
  boost::asio::io_context io_;
  data::Arena arena_{kArenaBytes};
  data::ArenaView view_{arena_.fd()};
  data::Extents extents_{kArenaBytes};
  ObjectTable table_;
  Background background_{io_};
  std::vector<std::uint64_t> written_;
  std::vector<std::string> log_;
  std::unique_ptr<Spiller> spiller_;
};

TEST_F(SpillerTest, AnObjectIsWrittenThenItsMemoryIsTakenThenItComesBackAsItWas) {
  Object& object = make(7);
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  EXPECT_TRUE(object.spilling && spiller_->is_writing());
  until_written();
  EXPECT_EQ(written_, std::vector<std::uint64_t>{object.number});
  EXPECT_EQ(extents_.used(), kMebibyte) << "it is in memory as well";
  EXPECT_EQ(spiller_->stored_bytes(), object.stored_bytes);
  EXPECT_TRUE(spiller_->make_room(kMebibyte));
  EXPECT_EQ(object.state, ObjectState::kOnDisk);
  EXPECT_EQ(extents_.used(), 0U);
  EXPECT_TRUE(read(object).ok());
  EXPECT_TRUE(std::ranges::all_of(view_.bytes(object.extent), [](std::byte byte) { return byte == std::byte{7}; }));
}

TEST_F(SpillerTest, TheLeastRecentlyUsedGoesFirstAndAPinnedOneNever) {
  Object& pinned = make(1, kArenaBytes - 2 * kMebibyte);
  Object& first = make(2);
  Object& last = make(3);
  table_.pin(pinned);
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  until_written();
  EXPECT_TRUE(first.stored && last.stored) << "one that is asked for, and one ahead";
  EXPECT_FALSE(pinned.stored);
  EXPECT_TRUE(spiller_->make_room(kMebibyte));
  EXPECT_EQ(first.state, ObjectState::kOnDisk);
  EXPECT_EQ(last.state, ObjectState::kHere);
  while (spiller_->make_room(kArenaBytes)) {
  }
  until_written();
  EXPECT_EQ(pinned.state, ObjectState::kHere);
}

TEST_F(SpillerTest, NoMoreIsWrittenThanIsAskedForAndAsMuchAgain) {
  for (int i = 0; i < 8; ++i) make(i);
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  const auto writing = std::ranges::count_if(table_.all(), [](const auto& entry) { return entry.second->spilling; });
  EXPECT_EQ(writing, 2);
  EXPECT_FALSE(spiller_->make_room(kMebibyte)) << "that is on its way";
  EXPECT_EQ(writing, std::ranges::count_if(table_.all(), [](const auto& entry) { return entry.second->spilling; }));
  until_written();
}

TEST_F(SpillerTest, AFullDiskIsSaidOnceAndNothingIsWrittenUntilItIsForgotten) {
  open(std::uint64_t{1} << 60);
  Object& object = make(1);
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  until_written();
  EXPECT_NE(spiller_->problem().find("the disk is full"), std::string::npos) << spiller_->problem();
  EXPECT_FALSE(object.stored || object.spilling);
  EXPECT_EQ(written_.size(), 1U) << "whoever waits for it is told";
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  EXPECT_FALSE(spiller_->is_writing());
  spiller_->forget_problem();
  EXPECT_FALSE(spiller_->make_room(kMebibyte));
  EXPECT_TRUE(spiller_->is_writing());
  until_written();
  EXPECT_EQ(log_.size(), 1U);
}

TEST_F(SpillerTest, AFileThatIsNotWhatWasWrittenIsAProblemOfThatObject) {
  Object& object = make(1);
  spiller_->make_room(kMebibyte);
  until_written();
  ASSERT_TRUE(spiller_->make_room(kMebibyte));
  for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
    if (entry.path().extension() == ".object") fs::resize_file(entry.path(), 100);
  }
  const base::Result<void> result = read(object);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.problem().find("cut short"), std::string::npos) << result.problem();
  EXPECT_EQ(spiller_->problem(), "") << "the disk is not full";
}

TEST_F(SpillerTest, APromisedFileCountsOnceWhileItIsWritten) {
  constexpr std::uint64_t kFile = kMebibyte + kMebibyte / 16;
  open(0, 2 * kFile);
  Object& first = make(1);
  Object& second = make(2);
  const auto promise = [this](Object& object) {
    std::optional<base::Result<void>> promised;
    spiller_->promise(object, [&](base::Result<void> result) { promised = std::move(result); });
    while (!promised) {
      io_.restart();
      io_.run_one_for(std::chrono::seconds(30));
    }
    return promised->ok() ? "" : promised->problem();
  };
  ASSERT_EQ(promise(first), "");
  table_.take_from_idle(second);
  spiller_->make_room(kMebibyte);  // the first is on its way
  ASSERT_TRUE(first.spilling);
  EXPECT_FALSE(spiller_->is_writing_ahead());
  std::optional<base::Result<void>> promised;
  spiller_->promise(second, [&](base::Result<void> result) { promised = std::move(result); });
  EXPECT_FALSE(promised.has_value()) << promised->problem();
  until_written();
  ASSERT_TRUE(promised.has_value());
  EXPECT_TRUE(promised->ok());
}

TEST_F(SpillerTest, ARemovedFileCountsNoMore) {
  Object& object = make(1);
  spiller_->make_room(kMebibyte);
  until_written();
  EXPECT_NE(spiller_->stored_bytes(), 0U);
  spiller_->remove_file(object);
  spiller_->remove_file(object);
  EXPECT_EQ(spiller_->stored_bytes(), 0U);
  EXPECT_FALSE(object.stored);
}

}  // namespace
}  // namespace morrow::worker
