#include "worker/objects.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include <boost/asio/post.hpp>

namespace morrow::worker {
namespace {

namespace fs = std::filesystem;
using control::FailureKind;

constexpr std::uint64_t kMega = 1 << 20;

/// Objects of a worker with 4 MiB of memory; 1, 2 and 3 are processes.
class ObjectsRoom : public ::testing::Test {
 protected:
  ObjectsRoom() {
    std::string name = "/tmp/morrow-objects-XXXXXX";
    folder_ = mkdtemp(name.data());
    ObjectOptions options;
    options.memory = 4 * kMega;
    options.spill_folder = folder_;
    options.owner = "one";
    options.room_within_ms = 300;
    Objects::Events events;
    events.fetch = [this](control::FutureId, const control::ObjectRef& object, std::span<std::byte> into, auto done) {
      ++fetches_;
      boost::asio::post(io_, [this, object, into, done] {
        if (object.number == 404) return done(true, "nobody has it");
        std::fill(into.begin(), into.end(), static_cast<std::byte>(object.number));
        done(false, "");
      });
    };
    events.copied = [this](control::FutureId, std::uint64_t object) { copied_.push_back(object); };
    events.dropped = [this](control::FutureId) { ++dropped_; };
    events.log = [this](const std::string& line) { log_ += line + "\n"; };
    objects_ = std::make_unique<Objects>(io_, options, std::move(events));
    view_ = std::make_unique<data::ArenaView>(objects_->memory_fd());
  }
  ~ObjectsRoom() override {
    objects_.reset();
    EXPECT_TRUE(fs::is_empty(folder_)) << "something is left on disk";
    fs::remove_all(folder_);
  }

  template <class Done>
  bool until(Done done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }

  struct Answer {
    bool here = false;
    ObjectPlace place;
    ObjectProblem problem;
    bool ok() const { return place.number != 0; }
  };
  using AnswerPtr = std::shared_ptr<Answer>;
  static Objects::Then into(const AnswerPtr& answer) {
    return [answer](const ObjectPlace* place, const ObjectProblem* problem) {
      answer->here = true;
      if (place != nullptr) answer->place = *place;
      if (problem != nullptr) answer->problem = *problem;
    };
  }
  AnswerPtr ask_room(ProcessId who, std::uint64_t size) {
    auto answer = std::make_shared<Answer>();
    objects_->reserve(who, size, into(answer));
    return answer;
  }
  AnswerPtr ask(ProcessId who, std::uint64_t number, std::uint64_t size = kMega) {
    auto answer = std::make_shared<Answer>();
    objects_->want(who, {1, number}, {number, size, 0}, into(answer));
    return answer;
  }
  Answer wait(const AnswerPtr& answer) {
    EXPECT_TRUE(until([&] { return answer->here; }));
    return *answer;
  }

  /// A published object that nobody looks at, full of one byte.
  std::uint64_t made(int byte, std::uint64_t size = kMega) {
    const Answer room = wait(ask_room(1, size));
    EXPECT_TRUE(room.ok()) << room.problem.sentence;
    const auto bytes = view_->inside(room.place.extent);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(byte));
    EXPECT_TRUE(objects_->seal(1, room.place.number, size, {1, room.place.number}, false));
    return room.place.number;
  }
  int byte_of(const Answer& answer) { return std::to_integer<int>(view_->bytes(answer.place.extent)[100]); }
  ObjectSeen seen(std::uint64_t number) {
    for (const ObjectSeen& one : objects_->list()) {
      if (one.number == number) return one;
    }
    return {};
  }

  boost::asio::io_context io_;
  std::string folder_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<data::ArenaView> view_;
  int fetches_ = 0;
  int dropped_ = 0;
  std::vector<std::uint64_t> copied_;
  std::string log_;
};

TEST_F(ObjectsRoom, TheLeastRecentlyUsedGoesToDiskAndComesBackAsItWas) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 4; ++i) all.push_back(made(i));
  const Answer first = wait(ask(2, all[0]));  // used: the second is the oldest now
  EXPECT_EQ(byte_of(first), 0);
  objects_->unpin(2, all[0]);
  all.push_back(made(4));
  EXPECT_TRUE(seen(all[0]).in_memory);
  EXPECT_TRUE(seen(all[1]).on_disk);
  EXPECT_FALSE(seen(all[1]).in_memory);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(byte_of(wait(ask(2, all[i]))), static_cast<int>(i));
    objects_->unpin(2, all[i]);
  }
}

TEST_F(ObjectsRoom, WhatAProcessLooksAtStaysWhereItIs) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(made(i));
    wait(ask(2, all.back()));
  }
  const Answer none = wait(ask_room(1, kMega));
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.problem.kind, FailureKind::kNoRoom);
  EXPECT_NE(none.problem.sentence.find("in use by tasks and drivers"), std::string::npos) << none.problem.sentence;
  // The process dies: there is room again.
  const auto waits = ask_room(1, kMega);
  objects_->gone(2);
  EXPECT_TRUE(wait(waits).ok());
}

TEST_F(ObjectsRoom, RoomThatIsNotFilledGoesWithItsProcess) {
  wait(ask_room(3, 4 * kMega));
  objects_->gone(3);
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsRoom, NobodyPublishesWhatIsAnothersToWrite) {
  const Answer room = wait(ask_room(1, kMega));
  EXPECT_FALSE(objects_->seal(2, room.place.number, kMega, {1, 1}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 2 * kMega, {1, 1}, false));
  EXPECT_TRUE(objects_->seal(1, room.place.number, 1000, {1, 1}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 1000, {1, 1}, false));  // once
}

TEST_F(ObjectsRoom, AFreedObjectStaysForThoseWhoLookAtIt) {
  const std::uint64_t number = made(9);
  const Answer look = wait(ask(2, number));
  objects_->free(number);
  EXPECT_EQ(byte_of(look), 9);
  EXPECT_GE(objects_->usage().used, kMega);
  objects_->unpin(2, number);
  EXPECT_EQ(objects_->usage().used, 0U);
}

TEST_F(ObjectsRoom, FreeingWhatIsOnDiskRemovesItsFile) {
  const std::uint64_t number = made(1);
  for (int i = 0; i < 4; ++i) made(i);
  // Two are written at once, in either order; the file of the other one stays.
  ASSERT_TRUE(until([&] { return seen(number).on_disk; }));
  const auto files = [&] {
    return std::count_if(fs::recursive_directory_iterator(folder_), {}, [&](const fs::directory_entry& entry) {
      return entry.path().filename() == std::to_string(number) + ".object";
    });
  };
  const std::uint64_t spilled = objects_->usage().spilled;
  EXPECT_EQ(files(), 1);
  objects_->free(number);
  EXPECT_EQ(files(), 0);
  EXPECT_LT(objects_->usage().spilled, spilled);
}

TEST_F(ObjectsRoom, ManyWhoWantAValueFromAnotherWorkerCostOneTransfer) {
  const auto one = ask(1, 77);
  const auto two = ask(2, 77);
  const auto three = ask(3, 77);
  for (const AnswerPtr& answer : {one, two, three}) EXPECT_EQ(byte_of(wait(answer)), 77);
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(copied_, std::vector<std::uint64_t>{77});
  EXPECT_EQ(byte_of(wait(ask(1, 77))), 77);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(ObjectsRoom, AValueThatNobodyHasIsAFailureAndLeavesNothing) {
  const Answer answer = wait(ask(1, 404));
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.problem.sentence, "nobody has it");
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsRoom, AFlippedBitOnDiskIsFoundSaidAndAnotherCopyIsUsed) {
  const std::uint64_t number = made(1);
  for (int i = 0; i < 4; ++i) made(i);
  ASSERT_TRUE(until([&] { return seen(number).on_disk; }));
  if (seen(number).in_memory) made(4);  // two were written at once, and the room of the other one was enough
  ASSERT_FALSE(seen(number).in_memory);
  for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
    if (entry.path().filename() != std::to_string(number) + ".object") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.put('\x5a');
  }
  const Answer answer = wait(ask(2, number));
  ASSERT_TRUE(answer.ok()) << answer.problem.sentence;
  EXPECT_EQ(byte_of(answer), static_cast<int>(number & 0xff));  // as the other worker has it
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(dropped_, 1);
  EXPECT_FALSE(log_.empty());
}

TEST_F(ObjectsRoom, RoomIfFreeMovesNothingOut) {
  for (int i = 0; i < 4; ++i) made(i);
  auto answer = std::make_shared<Answer>();
  objects_->reserve(2, kMega, into(answer), true);
  EXPECT_TRUE(answer->here);
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(objects_->usage().spilled, 0U);
}

TEST_F(ObjectsRoom, WhatIsLargerThanAllOfItIsRefusedAtOnce) {
  const Answer none = wait(ask_room(1, 5 * kMega));
  EXPECT_NE(none.problem.sentence.find("--object-memory"), std::string::npos) << none.problem.sentence;
}

}  // namespace
}  // namespace morrow::worker
