// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class EvictionTest : public ControlTest {
 protected:
  EvictionTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }

  std::uint64_t round_of(Incarnation incarnation) {
    for (const WorkerSeen& seen : workers(store)) {
      if (seen.info.incarnation == incarnation) return seen.round;
    }
    return 0;
  }

  void evict(Incarnation self, Incarnation incarnation) {
    const std::uint64_t seen = round_of(incarnation);
    bool moved = false;
    while (evict_step(store, self, incarnation, seen, moved)) {
    }
    EXPECT_FALSE(moved);
    for (const Incarnation tombstone : tombstones(store)) EXPECT_NE(tombstone, incarnation);
  }

  const FutureId x{10, 1};
  const FutureId y{10, 2};
};

TEST_F(EvictionTest, TheClaimsOfTheDeadAreRunByOthersAndCountedAsAttempts) {
  one(1, submit(driver(10), x, 100));
  evict(2, 1);
  const ClaimResult taken = claim_some(2, {200});
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].tries, 1U);
  one(2, end(x, 200, value("v")));
  EXPECT_EQ(look(2, x), Verdict::kFinished);
}

TEST_F(EvictionTest, AClaimThatNoFutureKnowsIsNoHindrance) {
  database->hooks.committed = {};  // no valid store has it
  store.transact([&](store::Transaction& transaction) { transaction.set(keys::claimed(1, y), ""); });
  one(1, submit(driver(10), x, 100));
  evict(2, 1);
  EXPECT_EQ(claim_some(2, {200, 201}).taken.size(), 1U);
}

TEST_F(EvictionTest, ATaskThatKillsItsWorkersFailsAfterMaxRetries) {
  for (Incarnation incarnation = 50; incarnation < 54; ++incarnation) join_worker(incarnation);
  one(1, submit(driver(10), x));
  for (Incarnation incarnation = 50; incarnation < 54; ++incarnation) {
    ASSERT_EQ(claim_some(incarnation, {incarnation + 1000}).taken.size(), 1U);
    evict(2, incarnation);
  }
  EXPECT_EQ(one(2, op::Await{x}).outcome->failure, FailureKind::kCrash);
}

TEST_F(EvictionTest, WhatAWorkerThatLeavesHasNotGivenBackIsRunAgainUnlessItMayRunOnlyOnce) {
  one(1, submit(driver(10), x, 100));
  auto once = submit(driver(10), y, 101);
  auto spec = std::make_shared<Spec>(*once.spec);
  spec->max_retries = 0;
  once.spec = spec;
  one(1, once);
  leave(store, 1);
  EXPECT_EQ(claim_some(2, {200}).taken.size(), 1U) << "x";
  EXPECT_EQ(one(2, op::Await{y}).outcome->failure, FailureKind::kCrash);
}

TEST_F(EvictionTest, AWorkerWhoseProcessIsGoneIsEvictedThoughItsHeartbeatWasNotSeenToStandStill) {
  one(1, submit(driver(10), x, 100));
  bool moved = false;
  ASSERT_TRUE(evict_step(store, 2, 1, std::nullopt, moved));
  EXPECT_FALSE(moved);
  EXPECT_TRUE(run(1, {}).fenced) << "by the same fence as any other";
  while (evict_step(store, 2, 1, std::nullopt, moved)) {
  }
  EXPECT_EQ(claim_some(2, {200}).taken.size(), 1U);
}

TEST_F(EvictionTest, AWorkerWhoseHeartbeatMovedIsNotEvicted) {
  const std::uint64_t seen = round_of(1);
  run(1, {});
  bool moved = false;
  EXPECT_FALSE(evict_step(store, 2, 1, seen, moved));
  EXPECT_TRUE(moved);
  EXPECT_FALSE(run(1, {}).fenced);
}

TEST_F(EvictionTest, ARevivedWorkerPublishesNothing) {
  one(1, submit(driver(10), x, 100));
  evict(2, 1);
  const auto before = keys_now();
  EXPECT_TRUE(run(1, {end(x, 100, value("late"))}).fenced);
  EXPECT_TRUE(run(1, {submit(driver(10), y, 101)}).fenced);
  EXPECT_TRUE(claim_some(1, {102}).fenced);
  set_idle(store, 1, true, {});
  EXPECT_FALSE(ending_step(store, 1, 10));
  EXPECT_FALSE(fanout_step(store, 1));
  EXPECT_EQ(keys_now(), before);
}

TEST_F(EvictionTest, ARoundThatIsUnderWayWhenItsWorkerIsEvictedCommitsNothing) {
  int evicted = 0;
  for (int at = 1; at < 12; ++at) {
    const Incarnation incarnation = 100 + static_cast<Incarnation>(at);
    join_worker(incarnation);
    const FutureId id{10, incarnation};
    one(1, submit(driver(10), id));
    store::SimStore other(database);
    int reads = 0;
    bool took_effect = false;
    database->hooks.step = [&] {
      if (++reads != at) return;
      bool moved = false;
      took_effect = evict_step(other, 2, incarnation, 0, moved) && !moved;
    };
    const bool fenced = run(incarnation, {op::Await{id}}).fenced;
    database->hooks.step = nullptr;
    if (took_effect) {
      EXPECT_TRUE(fenced) << "at step " << at;
    }
    evicted += took_effect;
  }
  EXPECT_GT(evicted, 0);
}

TEST_F(EvictionTest, TheSessionsOfTheDeadWaitForTheirDrivers) {
  evict(2, 1);
  ASSERT_EQ(orphan_sessions(store).size(), 1U);
  open_session(2, 10, 2, true);
  EXPECT_TRUE(orphan_sessions(store).empty());
  EXPECT_EQ(one(2, submit(driver(10, 2), x, 200)).verdict, Verdict::kClaimed);
}

TEST_F(EvictionTest, ChecksAndFanoutsOfTheDeadAreTakenOver) {
  one(1, submit(driver(10), x, 100));
  std::vector<Op> ops;
  for (std::uint64_t i = 2; i <= 200; ++i) ops.emplace_back(submit(driver(10), {10, i}, 0, make_spec({x})));
  run(1, ops);
  one(1, submit(driver(10), {10, 300}, 101));
  one(1, submit(driver(10), {10, 301}, 0, make_spec({{10, 300}})));
  one(1, end({10, 300}, 101, value("v")));
  one(1, end(x, 100, value("v")));
  evict(2, 1);
  work_off(2);
  EXPECT_EQ(count(store).futures.at(Status::kReady), 200U);
}

TEST_F(EvictionTest, AWaiterThatDiedDoesNotKeepAReleasedFuture) {
  one(1, submit(driver(10), x, 100));
  one(2, op::Await{x});
  evict(1, 2);
  one(1, op::Release{driver(10), x});
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
}

TEST_F(EvictionTest, WhatTheExecutionOfTheDeadSubmittedIsFreed) {
  one(1, submit(driver(10), x, 100));
  one(1, submit(execution(x, 100), {100, 1}));
  evict(2, 1);
  work_off(2);
  EXPECT_EQ(look(2, {100, 1}), Verdict::kAbsent);
  EXPECT_EQ(count(store).scopes, 1U);
}

TEST_F(EvictionTest, AWorkerThatLeavesGivesBackItsClaimsUncountedAndNoKeyOfItStays) {
  one(1, submit(driver(10), x, 100));
  one(1, submit(driver(10), y, 0, make_spec({x})));
  one(1, op::Await{x});
  leave(store, 1);
  EXPECT_EQ(workers(store).size(), 1U);
  const ClaimResult taken = claim_some(2, {200});
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].tries, 0U);
  for (const std::string& key : keys_now()) EXPECT_FALSE(key[0] == 'w' && keys::read_u64(key, 1) == 1);
}

TEST_F(EvictionTest, WhoeverEvictsMayDieBetweenTheSteps) {
  join_worker(3);
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 70; ++i) ops.emplace_back(submit(driver(10), {10, i}, 100 + i));
  run(1, ops);
  bool moved = false;
  const std::uint64_t seen = round_of(1);
  ASSERT_TRUE(evict_step(store, 2, 1, seen, moved));
  ASSERT_TRUE(evict_step(store, 2, 1, seen, moved));
  ASSERT_EQ(tombstones(store), std::vector<Incarnation>{1});
  evict(3, 2);
  bool more = true;
  while (more) more = evict_step(store, 3, 1, 0, moved);
  EXPECT_EQ(count(store).futures.at(Status::kReady), 70U);
  EXPECT_EQ(workers(store).size(), 1U);
}

TEST_F(EvictionTest, AStoreOfAnotherVersionIsRefused) {
  store.transact([](store::Transaction& transaction) { transaction.set(keys::schema(), keys::u64(999)); });
  EXPECT_THROW(join_worker(9), store::StoreError);
}

}  // namespace
}  // namespace morrow::control
