// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/store_actions.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

class StoreActionsTest : public ::testing::Test {
 protected:
  StoreActionsTest() { actions_.join(store_.store); }

  static control::WorkerInfo self() {
    control::WorkerInfo info;
    info.incarnation = 7;
    info.name = "w1";
    info.total.cpu_micro = 2'000'000;
    return info;
  }
  StoreActions::Events events() {
    return {
        .round_done = [this](control::RoundResult result) { rounds_.push_back(std::move(result)); },
        .claim_done = [this](control::ClaimResult) { ++claims_; },
        .ready_dependencies_done = [this](control::FutureId id,
                                          const std::vector<control::FutureId>&) { looked_up_.push_back(id); },
        .deadlocks_ended = [](const control::EndedDeadlocks&, const std::vector<control::FutureId>&) {},
        .work_came = [this] { ++work_came_; },
        .fan_out = [] {},
        .session_opened = [this](control::SessionId session, std::uint64_t) { opened_.push_back(session); },
    };
  }
  void commit(std::vector<control::Op> ops) {
    auto round = std::make_shared<control::Round>();
    round->incarnation = 7;
    round->ops = std::move(ops);
    action::CommitRound commit{round};
    actions_.carry_out(commit);
  }

  FakeStore store_;
  std::vector<control::RoundResult> rounds_;
  int claims_ = 0;
  int work_came_ = 0;
  std::vector<control::FutureId> looked_up_;
  std::vector<control::SessionId> opened_;
  StoreActions actions_{store_.post(), self(), events()};
};

TEST_F(StoreActionsTest, ARoundIsInFlightUntilItsResultIsTold) {
  commit({});
  EXPECT_TRUE(actions_.rounds().in_flight);
  EXPECT_EQ(actions_.rounds().begun, 1u);
  EXPECT_EQ(store_.posted.at(0).lane, StoreLane::kRound);
  EXPECT_TRUE(rounds_.empty());
  store_.run();
  EXPECT_FALSE(actions_.rounds().in_flight);
  ASSERT_EQ(rounds_.size(), 1u);
  EXPECT_FALSE(rounds_[0].fenced);
}

TEST_F(StoreActionsTest, ASessionThatARoundOpenedIsToldAfterItsResult) {
  control::op::OpenSession open;
  open.session = 5;
  open.attachment = 1;
  open.program = "sixteen bytes...";
  commit({open});
  EXPECT_TRUE(opened_.empty());
  store_.run();
  EXPECT_EQ(rounds_.size(), 1u);
  EXPECT_EQ(opened_, std::vector<control::SessionId>{5});
}

TEST_F(StoreActionsTest, ClaimsAndLookUpsComeAfterRounds) {
  action::ClaimWork claim;
  claim.request.incarnation = 7;
  actions_.carry_out(claim);
  action::FindReadyDependencies find{{1, 2}};
  actions_.carry_out(find);
  action::WakeIdle wake{1};
  actions_.carry_out(wake);
  for (const FakeStore::Posted& one : store_.posted) EXPECT_EQ(one.lane, StoreLane::kClaim);
  store_.run();
  EXPECT_EQ(claims_, 1);
  EXPECT_EQ(looked_up_, (std::vector<control::FutureId>{{1, 2}}));
  actions_.carry_out(claim);
  EXPECT_EQ(store_.posted.size(), 1u) << "the next claim, after the first is told";
}

TEST_F(StoreActionsTest, AnIdleWorkerHearsOfWorkOnlyWhenThereIsSome) {
  action::SetIdle idle;
  idle.idle = true;
  idle.free.cpu_micro = 2'000'000;
  actions_.carry_out(idle);
  store_.run();
  EXPECT_EQ(work_came_, 0);
}

TEST_F(StoreActionsTest, AWorkerThatLeftCommitsNothingMore) {
  bool left = false;
  actions_.leave([&] { left = true; });
  EXPECT_FALSE(left);
  store_.run();
  EXPECT_TRUE(left);
  commit({});
  store_.run();
  EXPECT_TRUE(rounds_.at(0).fenced);
}

using StoreActionsDeathTest = StoreActionsTest;

TEST_F(StoreActionsDeathTest, TwoRoundsInFlightAreAMistakeOfTheWorker) {
  commit({});
  EXPECT_DEATH(commit({}), "one round is in flight at a time");
}

}  // namespace
}  // namespace morrow::worker
