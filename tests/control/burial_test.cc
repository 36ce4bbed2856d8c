#include "tests/control/world.h"

namespace morrow::control {
namespace {

class BurialTest : public ControlTest {
 protected:
  BurialTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }

  std::uint64_t round_of(Epoch epoch) {
    for (const WorkerSeen& seen : workers(store)) {
      if (seen.info.epoch == epoch) return seen.round;
    }
    return 0;
  }

  void bury(Epoch self, Epoch epoch) {
    const std::uint64_t seen = round_of(epoch);
    bool moved = false;
    while (bury_step(store, self, epoch, seen, moved)) {
    }
    EXPECT_FALSE(moved);
    for (const Epoch grave : graves(store)) EXPECT_NE(grave, epoch);
  }

  const FutureId x{10, 1};
  const FutureId y{10, 2};
};

TEST_F(BurialTest, TheClaimsOfTheDeadAreRunByOthersAndCountedAsAttempts) {
  one(1, submit(driver(10), x, 100));
  bury(2, 1);
  const ClaimResult taken = claim_some(2, {200});
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].tries, 1U);
  one(2, end(x, 200, value("v")));
  EXPECT_EQ(look(2, x), Verdict::kFinished);
}

TEST_F(BurialTest, ATaskThatKillsItsWorkersFailsAfterMaxRetries) {
  for (Epoch epoch = 50; epoch < 54; ++epoch) join_worker(epoch);
  one(1, submit(driver(10), x));
  for (Epoch epoch = 50; epoch < 54; ++epoch) {
    ASSERT_EQ(claim_some(epoch, {epoch + 1000}).taken.size(), 1U);
    bury(2, epoch);
  }
  EXPECT_EQ(one(2, op::Await{x}).outcome->failure, FailureKind::kCrash);
}

TEST_F(BurialTest, AWorkerWhoseHeartbeatMovedIsNotBuried) {
  const std::uint64_t seen = round_of(1);
  run(1, {});
  bool moved = false;
  EXPECT_FALSE(bury_step(store, 2, 1, seen, moved));
  EXPECT_TRUE(moved);
  EXPECT_FALSE(run(1, {}).fenced);
}

TEST_F(BurialTest, ARevivedWorkerPublishesNothing) {
  one(1, submit(driver(10), x, 100));
  bury(2, 1);
  const auto before = keys_now();
  EXPECT_TRUE(run(1, {end(x, 100, value("late"))}).fenced);
  EXPECT_TRUE(run(1, {submit(driver(10), y, 101)}).fenced);
  EXPECT_TRUE(claim_some(1, {102}).fenced);
  set_idle(store, 1, true, {});
  EXPECT_FALSE(ending_step(store, 1, 10));
  EXPECT_FALSE(fanout_step(store, 1));
  EXPECT_EQ(keys_now(), before);
}

TEST_F(BurialTest, ARoundThatIsUnderWayWhenItsWorkerIsBuriedCommitsNothing) {
  int buried = 0;
  for (int at = 1; at < 12; ++at) {
    const Epoch epoch = 100 + static_cast<Epoch>(at);
    join_worker(epoch);
    const FutureId id{10, epoch};
    one(1, submit(driver(10), id));
    store::SimStore other(database);
    int reads = 0;
    bool took_effect = false;
    database->hooks.step = [&] {
      if (++reads != at) return;
      bool moved = false;
      took_effect = bury_step(other, 2, epoch, 0, moved) && !moved;
    };
    const bool fenced = run(epoch, {op::Await{id}}).fenced;
    database->hooks.step = nullptr;
    if (took_effect) {
      EXPECT_TRUE(fenced) << "at step " << at;
    }
    buried += took_effect;
  }
  EXPECT_GT(buried, 0);
}

TEST_F(BurialTest, TheSessionsOfTheDeadWaitForTheirDrivers) {
  bury(2, 1);
  ASSERT_EQ(orphan_sessions(store).size(), 1U);
  open_session(2, 10, 2, true);
  EXPECT_TRUE(orphan_sessions(store).empty());
  EXPECT_EQ(one(2, submit(driver(10, 2), x, 200)).verdict, Verdict::kClaimed);
}

TEST_F(BurialTest, ChecksAndFanoutsOfTheDeadAreTakenOver) {
  one(1, submit(driver(10), x, 100));
  std::vector<Op> ops;
  for (std::uint64_t i = 2; i <= 200; ++i) ops.emplace_back(submit(driver(10), {10, i}, 0, make_spec({x})));
  run(1, ops);
  one(1, submit(driver(10), {10, 300}, 101));
  one(1, submit(driver(10), {10, 301}, 0, make_spec({{10, 300}})));
  one(1, end({10, 300}, 101, value("v")));
  one(1, end(x, 100, value("v")));
  bury(2, 1);
  work_off(2);
  EXPECT_EQ(count(store).futures.at(Status::kReady), 200U);
}

TEST_F(BurialTest, AWaiterThatDiedDoesNotKeepAReleasedFuture) {
  one(1, submit(driver(10), x, 100));
  one(2, op::Await{x});
  bury(1, 2);
  one(1, op::Release{driver(10), x});
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
}

TEST_F(BurialTest, WhatTheExecutionOfTheDeadSubmittedIsFreed) {
  one(1, submit(driver(10), x, 100));
  one(1, submit(execution(x, 100), {100, 1}));
  bury(2, 1);
  work_off(2);
  EXPECT_EQ(look(2, {100, 1}), Verdict::kAbsent);
  EXPECT_EQ(count(store).scopes, 1U);
}

TEST_F(BurialTest, AWorkerThatLeavesGivesBackItsClaimsUncountedAndNoKeyOfItStays) {
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

TEST_F(BurialTest, WhoeverBuriesMayDieBetweenTheSteps) {
  join_worker(3);
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 70; ++i) ops.emplace_back(submit(driver(10), {10, i}, 100 + i));
  run(1, ops);
  bool moved = false;
  const std::uint64_t seen = round_of(1);
  ASSERT_TRUE(bury_step(store, 2, 1, seen, moved));
  ASSERT_TRUE(bury_step(store, 2, 1, seen, moved));
  ASSERT_EQ(graves(store), std::vector<Epoch>{1});
  bury(3, 2);
  bool more = true;
  while (more) more = bury_step(store, 3, 1, 0, moved);
  EXPECT_EQ(count(store).futures.at(Status::kReady), 70U);
  EXPECT_EQ(workers(store).size(), 1U);
}

TEST_F(BurialTest, AStoreOfAnotherVersionIsRefused) {
  store.transact([](store::Transaction& transaction) { transaction.set(keys::schema(), keys::u64(999)); });
  EXPECT_THROW(join_worker(9), store::StoreError);
}

}  // namespace
}  // namespace morrow::control
