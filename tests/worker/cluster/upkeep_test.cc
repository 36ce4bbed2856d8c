// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/upkeep.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "control/round.h"
#include "store/sim/sim_store.h"

namespace morrow::worker {
namespace {

constexpr control::Incarnation kSelf = 1;
constexpr control::SessionId kSession = 10;
constexpr std::uint64_t kAttachment = 3;
constexpr std::uint64_t kLeaseMs = 5'000;
constexpr std::uint64_t kGraceMs = 10'000;
constexpr std::uint64_t kTurnMs = 500;
constexpr std::uint64_t kMillisecond = 1'000'000;

/// A worker's upkeep by a clock of its own, over a session that has no driver.
class UpkeepTest : public testing::Test {
 protected:
  UpkeepTest() {
    control::WorkerInfo info;
    info.incarnation = kSelf;
    control::join(store_, info);
    control::op::OpenSession open;
    open.session = kSession;
    open.attachment = kAttachment;
    open.grace_ms = kGraceMs;
    round({open});
    control::orphan_session(store_, kSelf, kSession, kAttachment);
    upkeep_.start();
    settle();
  }
  void round(std::vector<control::Op> ops) {
    control::Committer(store_, kSelf).run(control::Round{kSelf, std::move(ops)});
  }
  /// What was posted is done.
  void settle() {
    while (!posted_.empty()) {
      const auto [job, done] = std::exchange(posted_.front(), {});
      posted_.pop_front();
      job(store_);
      done();
    }
  }
  /// So much later the next turn comes; with a heartbeat before it, or not.
  void turn(std::uint64_t later_ms, bool beats = true) {
    now_ms_ += later_ms;
    if (beats) round({});
    std::exchange(next_, nullptr)();
    settle();
  }

  store::SimStore store_;
  std::deque<std::pair<std::function<void(store::Store&)>, std::function<void()>>> posted_;
  std::function<void()> next_;
  std::uint64_t now_ms_ = 0;
  std::vector<std::uint64_t> abandoned_;  // attachments
  std::vector<std::string> said_;
  Upkeep upkeep_{{
                     [this](std::function<void(store::Store&)> job, std::function<void()> done) {
                       posted_.emplace_back(std::move(job), std::move(done));
                     },
                     [this](std::uint64_t, std::function<void()> then) { next_ = std::move(then); },
                     [this] { return now_ms_ * kMillisecond; },
                 },
                 kSelf,
                 {kLeaseMs, true},
                 {
                     [](const auto&) {},
                     [](const auto&) {},
                     [this](control::SessionId, std::uint64_t attachment) { abandoned_.push_back(attachment); },
                     [this](const std::string& sentence) { said_.push_back(sentence); },
                     [] {},
                     [] {},
                 }};
};

TEST_F(UpkeepTest, ASessionWithoutADriverEndsAfterItsGraceOnce) {
  for (std::uint64_t passed = 0; passed + kTurnMs < kGraceMs; passed += kTurnMs) turn(kTurnMs);
  EXPECT_TRUE(abandoned_.empty());
  for (int i = 0; i < 5; ++i) turn(kTurnMs);
  EXPECT_EQ(abandoned_, std::vector<std::uint64_t>{kAttachment});
}

TEST_F(UpkeepTest, TimeInWhichThisWorkerStoodStillIsNotTheDriversAbsence) {
  turn(kTurnMs);
  turn(100 * kGraceMs);  // the driver may have knocked here all the time
  turn(kTurnMs);
  EXPECT_TRUE(abandoned_.empty());
}

TEST_F(UpkeepTest, TimeInWhichTheStoreTookNothingIsNotTheDriversAbsence) {
  for (int i = 0; i < 200; ++i) turn(kTurnMs, false);
  EXPECT_TRUE(abandoned_.empty());
}

TEST_F(UpkeepTest, AWorkerWhoseProcessIsGoneIsEvictedAtOnceAndOneThatIsOnlySilentIsNot) {
  for (const control::Incarnation other : {kSelf + 1, kSelf + 2}) {
    control::WorkerInfo info;
    info.incarnation = other;
    info.name = "w" + std::to_string(other);
    control::join(store_, info);
  }
  turn(kTurnMs);
  said_.clear();
  upkeep_.process_ended(kSelf + 1);
  settle();
  EXPECT_EQ(said_, std::vector<std::string>{
                       "worker w2 has died (its process is gone) and is evicted; what it held goes on elsewhere"});
  const auto left = control::workers(store_);
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[1].info.incarnation, kSelf + 2);
  upkeep_.process_ended(kSelf + 1);  // it is told of again
  settle();
  EXPECT_EQ(said_.size(), 1U);
}

TEST_F(UpkeepTest, WorkersThatJoinLeaveAndGoAreToldOfOnceByTheirNames) {
  for (const control::Incarnation other : {kSelf + 1, kSelf + 2}) {
    control::WorkerInfo info;
    info.incarnation = other;
    info.name = "w" + std::to_string(other);
    info.host = "h";
    info.pid = 7;
    info.draining = other == kSelf + 2;
    control::join(store_, info);
  }
  turn(kTurnMs);
  turn(kTurnMs);
  EXPECT_EQ(said_,
            (std::vector<std::string>{"worker w2 (process 7 on h) has joined", "worker w3 (process 7 on h) has joined",
                                      "worker w3 is leaving: it gives back what it has not begun"}));
  said_.clear();
  control::leave(store_, kSelf + 1);
  control::leave(store_, kSelf + 2);
  turn(kTurnMs);
  turn(kTurnMs);
  EXPECT_EQ(said_,
            (std::vector<std::string>{"worker w2 has left, or was evicted by another one", "worker w3 has left"}));
}

TEST_F(UpkeepTest, TheTimeThatIsLeftOfASessionWithoutADriverIsKnown) {
  turn(kTurnMs);
  EXPECT_EQ(upkeep_.session_left_ms(kSession), kGraceMs - kTurnMs);
  EXPECT_EQ(upkeep_.session_left_ms(kSession + 1), std::nullopt);
}

TEST_F(UpkeepTest, ADriverThatCameAndWentAgainHasItsWholeGrace) {
  for (std::uint64_t passed = 0; passed + kTurnMs < kGraceMs; passed += kTurnMs) turn(kTurnMs);
  control::op::OpenSession again;
  again.session = kSession;
  again.attachment = kAttachment + 1;
  again.grace_ms = kGraceMs;
  again.reopen = true;
  round({again});
  control::orphan_session(store_, kSelf, kSession, kAttachment + 1);
  for (std::uint64_t passed = 0; passed + kTurnMs < kGraceMs; passed += kTurnMs) turn(kTurnMs);
  EXPECT_TRUE(abandoned_.empty());
}

}  // namespace
}  // namespace morrow::worker
