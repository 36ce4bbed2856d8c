// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

// Values that no living worker has any more: which are computed again, and what those do that need them.

namespace morrow::control {
namespace {

class LineageTest : public ControlTest {
 protected:
  LineageTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }

  static OutcomePtr object(std::uint64_t number, Incarnation maker, std::uint64_t size = 100'000) {
    auto outcome = std::make_shared<Outcome>();
    outcome->object = {number, size, maker};
    return outcome;
  }
  /// Submitted, run and ended at worker 1, with a value that only worker 1 has.
  FutureId made(std::uint64_t sequence, std::uint64_t number, SpecPtr spec = make_spec()) {
    const FutureId id{10, sequence};
    EXPECT_EQ(one(1, submit(driver(10), id, 1000 + number, std::move(spec))).verdict, Verdict::kClaimed);
    EXPECT_EQ(one(1, end(id, 1000 + number, object(number, 1))).verdict, Verdict::kFinished);
    return id;
  }
  OpResult lost(Incarnation who, FutureId id, std::uint64_t number, Claim claim = 0) {
    return one(who, op::Lost{{id, number}, claim});
  }
  void evict(Incarnation incarnation) {
    std::uint64_t round = 0;
    for (const WorkerSeen& seen : workers(store)) {
      if (seen.info.incarnation == incarnation) round = seen.round;
    }
    bool moved = false;
    while (evict_step(store, 2, incarnation, round, moved)) {
    }
    EXPECT_FALSE(moved);
  }
  static std::string why(const OpResult& result) { return result.outcome ? result.outcome->bytes : ""; }
};

TEST_F(LineageTest, AValueWhoseOnlyHolderDiedIsComputedAgain) {
  const FutureId id = made(1, 77);
  EXPECT_EQ(lost(2, id, 77).verdict, Verdict::kFinished);  // worker 1 lives: it is not lost
  evict(1);
  const OpResult again = lost(2, id, 77, 500);
  ASSERT_EQ(again.verdict, Verdict::kClaimed);
  EXPECT_EQ(again.runnable.spec->payload, "payload");
  EXPECT_EQ(again.runnable.tries, 1U);                    // a loss counts as a failed attempt
  EXPECT_EQ(lost(2, id, 77).verdict, Verdict::kWaiting);  // who else asks waits for it
  EXPECT_EQ(one(2, end(id, 500, object(78, 2))).verdict, Verdict::kFinished);
  const OpResult late = lost(2, id, 77);
  ASSERT_EQ(late.verdict, Verdict::kFinished);  // the old one is lost, a new one is there
  EXPECT_EQ(late.outcome->object.number, 78U);
}

TEST_F(LineageTest, OneThatRanAheadOfItsSubmitIsComputedAgainToo) {
  auto submitted = submit(driver(10), {10, 1}, 500);
  submitted.how = op::Submit::How::kEnded;
  submitted.outcome = object(77, 1);
  EXPECT_EQ(one(1, submitted).verdict, Verdict::kFinished);
  evict(1);
  EXPECT_EQ(lost(2, {10, 1}, 77, 501).verdict, Verdict::kClaimed);
}

TEST_F(LineageTest, WhoAwaitsIsToldOfTheNewValue) {
  const FutureId id = made(1, 77);
  evict(1);
  EXPECT_EQ(lost(2, id, 77).verdict, Verdict::kReady);
  EXPECT_EQ(one(2, op::Await{id}).verdict, Verdict::kDone);
  const auto taken = claim_some(2, {600}).taken;
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(one(2, end(id, 600, object(78, 2))).verdict, Verdict::kFinished);
  const auto told = drain(2);
  ASSERT_EQ(told.ended.size(), 1U);
  EXPECT_EQ(told.ended.front().outcome->object.number, 78U);
}

TEST_F(LineageTest, ATaskThatFindsItsValueLostWaitsForItOnceMore) {
  const FutureId id = made(1, 77);
  const FutureId user{10, 2};
  EXPECT_EQ(one(1, submit(driver(10), user, 0, make_spec({id}))).verdict, Verdict::kReady);
  evict(1);
  const auto taken = claim_some(2, {600}).taken;
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken.front().dependencies.front()->object.number, 77U);
  op::End cannot = end(user, 600, failure(FailureKind::kLost));
  cannot.lost = {id, 77};
  EXPECT_EQ(one(2, cannot).verdict, Verdict::kWaiting);
  // The value runs first, then who needs it.
  const auto first = claim_some(2, {601, 602}).taken;
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first.front().id, id);
  EXPECT_EQ(run(2, {end(id, 601, object(78, 2))}).checks, std::vector<FutureId>{user});
  const OpResult checked = one(2, op::Check{user, 603});
  ASSERT_EQ(checked.verdict, Verdict::kClaimed);
  EXPECT_EQ(checked.runnable.dependencies.front()->object.number, 78U);
  EXPECT_EQ(checked.runnable.tries, 0U);  // it is not at fault
}

TEST_F(LineageTest, WhatStandsInTheIndexWaitsWhenAValueItNeedsIsComputedAgain) {
  const FutureId id = made(1, 77);
  const FutureId user{10, 2};
  EXPECT_EQ(one(1, submit(driver(10), user, 0, make_spec({id}, 500))).verdict, Verdict::kReady);
  evict(1);
  EXPECT_EQ(lost(2, id, 77, 500).verdict, Verdict::kClaimed);
  EXPECT_TRUE(claim_some(2, {600}).taken.empty());
  EXPECT_EQ(run(2, {end(id, 500, object(78, 2))}).checks, std::vector<FutureId>{user});
  EXPECT_EQ(one(2, op::Check{user, 603}).verdict, Verdict::kClaimed);
}

TEST_F(LineageTest, AChainOfLostValuesIsComputedAgainFromItsBeginning) {
  const FutureId first = made(1, 77);
  const FutureId second = made(2, 78, make_spec({first}));
  evict(1);
  const OpResult again = lost(2, second, 78, 500);
  ASSERT_EQ(again.verdict, Verdict::kClaimed);  // as far as the store knows, its dependency is there
  op::End cannot = end(second, 500, failure(FailureKind::kLost));
  cannot.lost = {first, 77};
  EXPECT_EQ(one(2, cannot).verdict, Verdict::kWaiting);
  ASSERT_EQ(claim_some(2, {501}).taken.size(), 1U);
  EXPECT_EQ(run(2, {end(first, 501, object(79, 2))}).checks, std::vector<FutureId>{second});
  EXPECT_EQ(one(2, op::Check{second, 502}).verdict, Verdict::kClaimed);
  EXPECT_EQ(one(2, end(second, 502, object(80, 2))).verdict, Verdict::kFinished);
}

TEST_F(LineageTest, WhatCannotBeComputedAgainSaysWhy) {
  auto put = std::make_shared<Spec>(*make_spec());
  put->payload.clear();
  auto once = std::make_shared<Spec>(*make_spec());
  once->max_retries = 0;
  const FutureId was_put = made(1, 77, put);
  const FutureId run_once = made(2, 78, once);
  const FutureId freed = made(3, 79);
  const FutureId orphan = made(4, 80, make_spec({freed}));
  one(1, op::Release{driver(10), freed});
  evict(1);
  for (const auto& [id, number, reason] :
       {std::tuple{was_put, 77, "it was put"}, {run_once, 78, "max_retries = 0"}, {orphan, 80, "was freed"}}) {
    const OpResult result = lost(2, id, number);
    ASSERT_EQ(result.verdict, Verdict::kFinished);
    EXPECT_EQ(result.outcome->failure, FailureKind::kLost);
    EXPECT_NE(why(result).find(reason), std::string::npos) << why(result);
  }
  EXPECT_EQ(lost(2, freed, 79).verdict, Verdict::kAbsent);
}

TEST_F(LineageTest, ATaskWhoseValueIsLostForGoodFailsAndSaysSo) {
  auto put = std::make_shared<Spec>(*make_spec());
  put->payload.clear();
  const FutureId id = made(1, 77, put);
  const FutureId user{10, 2};
  EXPECT_EQ(one(1, submit(driver(10), user, 0, make_spec({id}))).verdict, Verdict::kReady);
  evict(1);
  ASSERT_EQ(claim_some(2, {600}).taken.size(), 1U);
  op::End cannot = end(user, 600, failure(FailureKind::kLost));
  cannot.lost = {id, 77};
  const OpResult result = one(2, cannot);
  ASSERT_EQ(result.verdict, Verdict::kFinished);
  EXPECT_EQ(result.outcome->failure, FailureKind::kLost);
  EXPECT_NE(why(result).find("it was put"), std::string::npos);
}

TEST_F(LineageTest, AValueIsComputedAgainAsOftenAsItMayBeTried) {
  auto spec = std::make_shared<Spec>(*make_spec());
  spec->max_retries = 2;
  const FutureId id = made(1, 77, spec);
  evict(1);
  for (std::uint64_t time = 1; time <= 2; ++time) {
    EXPECT_EQ(lost(2, id, 76 + time, 500 + time).verdict, Verdict::kClaimed);
    EXPECT_EQ(one(2, end(id, 500 + time, object(77 + time, 2))).verdict, Verdict::kFinished);
    one(2, op::DropReplica{id});  // damaged
  }
  EXPECT_NE(why(lost(2, id, 79)).find("max_retries"), std::string::npos);
}

TEST_F(LineageTest, NothingBeginsAnewInAScopeThatCloses) {
  const FutureId id = made(1, 77);
  evict(1);
  one(2, op::EndSession{{}, 10, 0});
  open_session(2, 11);
  const auto orphans = orphan_sessions(store);
  ASSERT_EQ(orphans.size(), 1U);
  one(2, op::EndSession{{}, 10, orphans.front().attachment});
  EXPECT_EQ(lost(2, id, 77).verdict, Verdict::kAbsent);
  work_off(2);
}

TEST_F(LineageTest, WhatWasReleasedIsComputedAgainWhileSomebodyNeedsIt) {
  const FutureId id = made(1, 77);
  const FutureId user{10, 2};
  EXPECT_EQ(one(1, submit(driver(10), user, 0, make_spec({id}))).verdict, Verdict::kReady);
  one(1, op::Release{driver(10), id});
  evict(1);
  EXPECT_EQ(lost(2, id, 77, 500).verdict, Verdict::kClaimed);
  EXPECT_EQ(one(2, end(id, 500, object(78, 2))).verdict, Verdict::kFinished);
  const auto taken = claim_some(2, {600}).taken;
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(run(2, {end(user, 600, value("done"))}).freed, std::vector<std::uint64_t>{78});
}

TEST_F(LineageTest, ACancelThatComesAfterTheEndChangesNothingThoughTheValueWasLost) {
  const FutureId id = made(1, 77);
  evict(1);
  EXPECT_EQ(lost(2, id, 77, 500).verdict, Verdict::kClaimed);
  EXPECT_EQ(one(2, op::Cancel{driver(10), id}).verdict, Verdict::kWaiting);
  EXPECT_EQ(one(2, end(id, 500, object(78, 2))).outcome->object.number, 78U);
}

}  // namespace
}  // namespace morrow::control
