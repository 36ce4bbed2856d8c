// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/link.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/runtime/client/connection.h"

namespace morrow::runtime {
namespace {

/// Two ends of a connection: a Link, and the other side, which the test plays.
class LinkTest : public testing::Test, protected Link::Handler {
 protected:
  LinkTest() : link_(*this) {
    auto [ours, theirs] = wire::socket_pair(false);
    other_ = test::Connection(std::move(theirs));
    const base::MutexLock lock(link_.mutex());
    link_.attach(std::move(ours), {}, {});
  }

  void on_frame(wire::FrameType type, std::string_view payload) override REQUIRES(link_.mutex()) {
    if (type != wire::ACK) throw wire::ProtocolError("only acknowledgements come here");
    wire::Ack ack;
    wire::parse(ack, payload);
    numbers_.push_back(ack.number());
    link_.wake_all();
    if (ack.number() != kSlow) return;
    const base::MutexUnlock unlocked(link_.mutex());
    delivers_.set_value();
    delivered_.get_future().wait();
  }
  void on_lost(const std::string& why) override REQUIRES(link_.mutex()) { lost_ = why; }
  void check() const override REQUIRES(link_.mutex()) {
    if (lost_) throw std::runtime_error("lost: " + *lost_);
  }

  void say(std::uint64_t number) {
    wire::Ack ack;
    ack.set_number(number);
    other_.write(wire::ACK, ack);
  }
  /// Waits until so many acknowledgements came.
  bool wait_for(std::size_t count, const Deadline& deadline = std::nullopt) {
    const base::MutexLock lock(link_.mutex());
    Waiter me;
    const auto done = [&]() REQUIRES(link_.mutex()) { return numbers_.size() >= count; };
    return link_.wait(me, done, deadline);
  }

  void on_reader_left() override REQUIRES(link_.mutex()) { ++readers_left_; }

  static constexpr std::uint64_t kSlow = 1'000;  // takes its time with the mutex let go, as one that is printed does

  Link link_;
  test::Connection other_;
  std::promise<void> delivers_;
  std::promise<void> delivered_;
  int readers_left_ GUARDED_BY(link_.mutex()) = 0;
  std::vector<std::uint64_t> numbers_ GUARDED_BY(link_.mutex());
  std::optional<std::string> lost_ GUARDED_BY(link_.mutex());
};

TEST_F(LinkTest, AThreadThatWaitsReadsAndHandsOnTheFramesInTheirOrder) {
  for (std::uint64_t number = 1; number <= 100; ++number) say(number);
  EXPECT_TRUE(wait_for(100));
  const base::MutexLock lock(link_.mutex());
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(numbers_[i], i + 1);
}

TEST_F(LinkTest, WhenTheReaderHasItsAnswerAnotherThreadReadsOn) {
  std::vector<std::future<bool>> waits;
  for (std::size_t count = 1; count <= 8; ++count)
    waits.push_back(std::async(std::launch::async, [this, count] { return wait_for(count); }));
  for (std::size_t count = 1; count <= 8; ++count) {
    say(count);
    EXPECT_TRUE(waits[count - 1].get());
  }
}

/// That one waits for nothing itself: it has only looked whether there was something.
TEST_F(LinkTest, WhoeverWantsToReadWhileAnotherThreadDeliversSleepsAndReadsOnThen) {
  say(kSlow);
  const auto look = std::async(std::launch::async, [this] {
    const base::MutexLock lock(link_.mutex());
    link_.read_now();
  });
  delivers_.get_future().wait();
  auto wait = std::async(std::launch::async, [this] { return wait_for(2); });
  say(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  {
    const base::MutexLock lock(link_.mutex());
    EXPECT_TRUE(link_.is_delivering());
    EXPECT_EQ(numbers_.size(), 1U);
  }
  delivered_.set_value();
  EXPECT_TRUE(wait.get());
  look.wait();
  const base::MutexLock lock(link_.mutex());
  EXPECT_GE(readers_left_, 1) << "the background may read";
}

TEST_F(LinkTest, AWaitGivesUpAtItsDeadline) { EXPECT_FALSE(wait_for(1, Clock::now())); }

TEST_F(LinkTest, TheEndOfTheConnectionEndsAllWaits) {
  std::vector<std::future<bool>> waits;
  for (int i = 0; i < 4; ++i) waits.push_back(std::async(std::launch::async, [this] { return wait_for(2); }));
  say(1);
  EXPECT_TRUE(wait_for(1));
  other_.close();
  for (auto& wait : waits) EXPECT_THROW(wait.get(), std::runtime_error);
  const base::MutexLock lock(link_.mutex());
  EXPECT_EQ(lost_, "");
  EXPECT_FALSE(link_.connected());
}

TEST_F(LinkTest, AFrameThatCannotBeRightEndsTheConnectionWithASentence) {
  other_.write(wire::DRAINED, wire::Drained());
  EXPECT_THROW(wait_for(1), std::runtime_error);
  const base::MutexLock lock(link_.mutex());
  EXPECT_EQ(lost_, "only acknowledgements come here");
}

TEST_F(LinkTest, FramesThatDoNotGoOutAtOnceAreWrittenByTheThreadThatWaits) {
  constexpr int kFrames = 200;
  wire::Put large;
  large.set_bytes(std::string(60'000, 'x'));
  {
    const base::MutexLock lock(link_.mutex());
    for (int i = 0; i < kFrames; ++i) link_.send(wire::PUT, large);
    link_.write();
    EXPECT_GT(link_.unsent(), 0U);
  }
  auto wait = std::async(std::launch::async, [this] { return wait_for(1); });
  for (int i = 0; i < kFrames; ++i) EXPECT_EQ(other_.read<wire::Put>(wire::PUT).bytes().size(), 60'000U);
  say(1);
  EXPECT_TRUE(wait.get());
  const base::MutexLock lock(link_.mutex());
  EXPECT_EQ(link_.unsent(), 0U);
}

TEST_F(LinkTest, WithoutAConnectionNothingIsQueued) {
  const base::MutexLock lock(link_.mutex());
  link_.close();
  link_.send(wire::ACK, wire::Ack());
  link_.write();
  EXPECT_EQ(link_.unsent(), 0U);
}

}  // namespace
}  // namespace morrow::runtime
