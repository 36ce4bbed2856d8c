// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "tests/control/world.h"

namespace morrow::control {
namespace {

class FuturesTest : public ControlTest {
 protected:
  FuturesTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }
  const FutureId x{10, 1};
  const FutureId y{10, 2};
};

TEST_F(FuturesTest, AShortLocalFutureCostsOneRecordAndOneCommit) {
  const auto before = keys_now();
  op::Submit ended = submit(driver(10), x);
  ended.how = op::Submit::How::kEnded;
  ended.outcome = value("3");
  const RoundResult result = run(1, {ended});
  EXPECT_EQ(result.records, 1U);
  EXPECT_EQ(result.commits, 1U);
  EXPECT_EQ(keys_now().size(), before.size() + 1);
  const OpResult awaited = one(2, op::Await{x});
  EXPECT_EQ(awaited.verdict, Verdict::kFinished);
  EXPECT_EQ(awaited.outcome->bytes, "3");
}

TEST_F(FuturesTest, ASubmitClaimedHereIsRunAndItsValueIsFound) {
  const OpResult submitted = one(1, submit(driver(10), x, 100));
  ASSERT_EQ(submitted.verdict, Verdict::kClaimed);
  EXPECT_EQ(submitted.runnable.claim, 100U);
  EXPECT_EQ(submitted.runnable.spec->payload, "payload");
  EXPECT_EQ(one(2, op::Await{x}).verdict, Verdict::kDone);
  EXPECT_EQ(one(1, end(x, 100, value("v"))).verdict, Verdict::kFinished);
  const auto drained = drain(2);
  ASSERT_EQ(drained.ended.size(), 1U);
  EXPECT_EQ(drained.ended[0].id, x);
  EXPECT_EQ(drained.ended[0].outcome->bytes, "v");
  EXPECT_TRUE(drain(2).ended.empty());
}

TEST_F(FuturesTest, OnlyTheClaimThatStandsMayEndAFuture) {
  one(1, submit(driver(10), x, 100));
  EXPECT_EQ(one(1, end(x, 101, value("other"))).verdict, Verdict::kStale);
  EXPECT_EQ(one(2, end(x, 100, value("other"))).verdict, Verdict::kStale);
  EXPECT_EQ(one(1, end(x, 100, value("mine"))).verdict, Verdict::kFinished);
  EXPECT_EQ(one(1, end(x, 100, value("again"))).verdict, Verdict::kStale);
  EXPECT_EQ(one(2, op::Await{x}).outcome->bytes, "mine");
}

TEST_F(FuturesTest, AnAwaitOfARemovedFutureFailsAtOnce) {
  one(1, submit(driver(10), x, 100));
  one(1, end(x, 100, value("v")));
  EXPECT_EQ(one(1, op::Release{driver(10), x}).verdict, Verdict::kDone);
  EXPECT_EQ(look(2, x), Verdict::kAbsent);
  EXPECT_EQ(one(1, op::Release{driver(10), x}).verdict, Verdict::kAbsent);
}

TEST_F(FuturesTest, ACrashIsRetriedUpToMaxRetriesAndThenFails) {
  one(1, submit(driver(10), x, 100));
  for (std::uint64_t tries = 1; tries <= 3; ++tries) {
    const OpResult again = one(1, end(x, 99 + tries, failure(FailureKind::kCrash), false, 100 + tries));
    ASSERT_EQ(again.verdict, Verdict::kClaimed);
    EXPECT_EQ(again.runnable.tries, tries);
    EXPECT_EQ(again.runnable.claim, 100 + tries);
  }
  const OpResult last = one(1, end(x, 103, failure(FailureKind::kCrash), false, 104));
  EXPECT_EQ(last.verdict, Verdict::kFinished);
  EXPECT_EQ(one(2, op::Await{x}).outcome->failure, FailureKind::kCrash);
}

TEST_F(FuturesTest, WhoTriesAFutureAgainIsToldOfTheCrashesBefore) {
  auto spec = std::make_shared<Spec>(*make_spec());
  spec->max_retries = 20;
  one(1, submit(driver(10), x, 100, spec));
  OpResult again;
  for (std::uint64_t tries = 1; tries <= 12; ++tries)
    again = one(1, end(x, 99 + tries, failure(FailureKind::kCrash, std::to_string(tries)), false, 100 + tries));
  EXPECT_EQ(again.runnable.crashes, (std::vector<std::string>{"5", "6", "7", "8", "9", "10", "11", "12"}));
  one(1, op::Relinquish{x, 112});
  EXPECT_EQ(claim_some(2, {200}).taken.at(0).crashes.size(), 8U) << "another worker knows them too";
}

TEST_F(FuturesTest, TimeoutsAreRetriedWhenAskedFor) {
  auto spec = std::make_shared<Spec>(*make_spec());
  spec->retry_timeouts = true;
  one(1, submit(driver(10), x, 100, spec));
  EXPECT_EQ(one(1, end(x, 100, failure(FailureKind::kTimeout), false, 101)).verdict, Verdict::kClaimed);
}

TEST_F(FuturesTest, ExceptionsAreRetriedOnlyWhenAskedFor) {
  one(1, submit(driver(10), x, 100));
  EXPECT_EQ(one(1, end(x, 100, failure(FailureKind::kException), false, 101)).verdict, Verdict::kFinished);
  auto spec = std::make_shared<Spec>(*make_spec());
  spec->retry_exceptions = true;
  one(1, submit(driver(10), y, 100, spec));
  EXPECT_EQ(one(1, end(y, 100, failure(FailureKind::kException))).verdict, Verdict::kReady);
  EXPECT_EQ(claim_some(2, {200}).taken.at(0).tries, 1U);
}

TEST_F(FuturesTest, TimeoutsAndStackOverflowsAreFinal) {
  std::uint64_t sequence = 10;
  for (const FailureKind kind :
       {FailureKind::kTimeout, FailureKind::kStackOverflow, FailureKind::kProgram, FailureKind::kTooLarge}) {
    const FutureId id{10, ++sequence};
    one(1, submit(driver(10), id, 100));
    EXPECT_EQ(one(1, end(id, 100, failure(kind), false, 101)).verdict, Verdict::kFinished);
  }
}

TEST_F(FuturesTest, ARelinquishedFutureIsClaimedByAnotherWithoutACountedTry) {
  one(1, submit(driver(10), x, 100));
  const RoundResult given = run(1, {op::Relinquish{x, 100}});
  EXPECT_EQ(given.results[0].verdict, Verdict::kReady);
  EXPECT_TRUE(given.indexed);
  const ClaimResult taken = claim_some(2, {200});
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].tries, 0U);
  EXPECT_EQ(one(1, end(x, 100, value("late"))).verdict, Verdict::kStale);
}

TEST_F(FuturesTest, CancelTellsTheHolderAndWhoWaits) {
  one(1, submit(driver(10), x, 100));
  one(2, op::Await{x});
  EXPECT_EQ(one(2, op::Cancel{Origin{}, x}).outcome->failure, FailureKind::kCancelled);
  const auto at_holder = drain(1);
  ASSERT_EQ(at_holder.cancelled.size(), 1U);
  EXPECT_EQ(at_holder.cancelled[0], std::make_pair(x, Claim{100}));
  ASSERT_EQ(drain(2).ended.size(), 1U);
  EXPECT_EQ(one(1, end(x, 100, value("late"))).verdict, Verdict::kStale);
}

TEST_F(FuturesTest, AReadyFutureThatIsCancelledLeavesTheIndex) {
  one(1, submit(driver(10), x));
  one(1, op::Cancel{driver(10), x});
  EXPECT_TRUE(claim_some(2, {200}).taken.empty());
}

TEST_F(FuturesTest, AReleaseTakesEffectWhenTheLastWhoWaitsWasServed) {
  one(1, submit(driver(10), x, 100));
  one(2, op::Await{x});
  one(1, op::Release{driver(10), x});
  EXPECT_EQ(one(1, end(x, 100, value("v"))).verdict, Verdict::kFinished);
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
  const auto drained = drain(2);
  ASSERT_EQ(drained.ended.size(), 1U);
  EXPECT_EQ(drained.ended[0].outcome->bytes, "v");
}

TEST_F(FuturesTest, AReleasedFutureNobodyWaitsForIsCancelledAndGone) {
  one(1, submit(driver(10), x, 100));
  one(2, op::Await{x});
  one(1, op::Release{driver(10), x});
  EXPECT_EQ(look(1, x), Verdict::kDone);
  one(1, op::Unawait{x});
  one(2, op::Unawait{x});
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
  EXPECT_EQ(drain(1).cancelled.size(), 1U);
}

TEST_F(FuturesTest, ADrainTakesExactlyWhatItReadAndSaysWhenThereIsMore) {
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 5; ++i) ops.emplace_back(submit(driver(10), {10, i}, 100 + i));
  run(1, ops);
  for (std::uint64_t i = 1; i <= 5; ++i) one(2, op::Await{{10, i}});
  for (std::uint64_t i = 1; i <= 5; ++i) one(1, end({10, i}, 100 + i, value("v")));
  const auto first = *one(2, op::Drain{3}).drained;
  EXPECT_EQ(first.ended.size(), 3U);
  EXPECT_TRUE(first.more);
  const auto second = *one(2, op::Drain{3}).drained;
  EXPECT_EQ(second.ended.size(), 2U);
  EXPECT_FALSE(second.more);
}

TEST_F(FuturesTest, APostThatLandsDuringADrainIsNotLost) {
  one(1, submit(driver(10), x, 100));
  one(1, submit(driver(10), y, 101));
  one(2, op::Await{x});
  one(2, op::Await{y});
  one(1, end(x, 100, value("x")));
  store::SimStore other(database);
  bool landed = false;
  int reads = 0;
  database->hooks.step = [&] {
    if (landed || ++reads < 5) return;  // in the middle of the drain
    landed = true;
    Committer(other, 1).run(Round{1, {end(y, 101, value("y"))}});
  };
  const auto first = drain(2);
  database->hooks.step = nullptr;
  ASSERT_TRUE(landed);
  const auto second = drain(2);
  EXPECT_EQ(first.ended.size() + second.ended.size(), 2U);
}

TEST_F(FuturesTest, AnAwaitThatCommitsDuringARealizeIsToldAllTheSame) {
  // Both orders, at every step of the realizing transaction.
  for (int at = 1; at < 12; ++at) {
    const FutureId id{10, static_cast<std::uint64_t>(100 + at)};
    one(1, submit(driver(10), id, 100));
    store::SimStore other(database);
    int reads = 0;
    Verdict awaited = Verdict::kAgain;
    database->hooks.step = [&] {
      if (++reads == at) awaited = Committer(other, 2).run(Round{2, {op::Await{id}}}).results[0].verdict;
    };
    one(1, end(id, 100, value("v")));
    database->hooks.step = nullptr;
    const std::size_t told = drain(2).ended.size();
    if (awaited == Verdict::kDone) {
      EXPECT_EQ(told, 1U) << "at step " << at;
    }
  }
}

TEST_F(FuturesTest, MoreWaitersThanATransactionServesAreServedInChunks) {
  one(1, submit(driver(10), x, 100));
  for (Incarnation incarnation = 1000; incarnation < 1250; ++incarnation) {
    join_worker(incarnation);
    one(incarnation, op::Await{x});
  }
  const RoundResult ended = run(1, {end(x, 100, value("v"))});
  EXPECT_TRUE(ended.fanouts);
  one(1, op::Release{driver(10), x});
  work_off(1);
  for (Incarnation incarnation = 1000; incarnation < 1250; ++incarnation)
    EXPECT_EQ(drain(incarnation).ended.size(), 1U);
  EXPECT_EQ(look(1, x), Verdict::kAbsent);
}

TEST_F(FuturesTest, AValueLargerThanARecordIsATypedFailure) {
  one(1, submit(driver(10), x, 100));
  EXPECT_EQ(one(1, end(x, 100, value(std::string(200'000, 'x')))).outcome->failure, FailureKind::kTooLarge);
  EXPECT_EQ(one(1, op::Await{x}).outcome->failure, FailureKind::kTooLarge);
}

TEST_F(FuturesTest, RequirementsThatNoKeyCanHoldFailTheFuture) {
  auto spec = std::make_shared<Spec>(*make_spec());
  for (int i = 0; i < 100; ++i) spec->requirements.named_micro["resource" + std::to_string(i)] = 1'000'000;
  EXPECT_EQ(one(1, submit(driver(10), x, 100, spec)).outcome->failure, FailureKind::kUnschedulable);
  spec->requirements.named_micro = {{std::string(300, 'r'), 1'000'000}};
  EXPECT_EQ(one(1, submit(driver(10), y, 100, spec)).outcome->failure, FailureKind::kUnschedulable);
}

TEST_F(FuturesTest, AFutureThatFailsUnscheduledIsTakenFromTheIndex) {
  one(1, submit(driver(10), x));
  EXPECT_TRUE(fail_ready(store, 1, x, *failure(FailureKind::kUnschedulable)));
  EXPECT_FALSE(fail_ready(store, 1, x, *failure(FailureKind::kUnschedulable)));
  const LooseEnds ends = loose_ends(store, 10, {});
  EXPECT_EQ(ends.failed, 1U);
  EXPECT_EQ(ends.first_failed, x);
  EXPECT_EQ(ends.failure->failure, FailureKind::kUnschedulable);
  EXPECT_EQ(loose_ends(store, 10, {x}).failed, 0U);
  EXPECT_EQ(count(store).futures.at(Status::kFailed), 1U);
}

TEST_F(FuturesTest, LinesThatWereLeftOutAreLooseEndsOfTheirSession) {
  join_worker(2);
  for (const std::uint64_t lines : {3, 5, 5}) note_left_out_lines(store, 1, 10, "/logs/one", lines);
  note_left_out_lines(store, 2, 10, "/logs/one", 1);
  note_left_out_lines(store, 2, 10, "/logs/two", 7);
  note_left_out_lines(store, 2, 99, "/logs/two", 7);
  const std::map<std::string, std::uint64_t> expected{{"/logs/one", 6}, {"/logs/two", 7}};
  EXPECT_EQ(loose_ends(store, 10, {}).left_out_lines, expected);
  EXPECT_EQ(loose_ends(store, 99, {}).left_out_lines.size(), 0U);
}

TEST_F(FuturesTest, OnlyWhatNobodyKnowsOfIsALooseEnd) {
  const FutureId dependent{10, 70};
  const FutureId after_cancel{10, 71};
  const FutureId cancelled{10, 72};
  const FutureId unfinished{10, 73};
  one(1, submit(driver(10), x, 100));
  one(1, submit(driver(10), dependent, 0, make_spec({x})));
  one(1, submit(driver(10), cancelled));
  one(1, submit(driver(10), after_cancel, 0, make_spec({cancelled})));
  one(1, submit(driver(10), unfinished));
  one(1, end(x, 100, failure(FailureKind::kException)));
  one(1, op::Cancel{driver(10), cancelled});
  for (int i = 0; i < 3; ++i) {
    for (const FutureId id : pending_checks(store, 1, 100)) one(1, op::Check{id});
  }
  EXPECT_EQ(loose_ends(store, 10, {}).failed, 2U) << "it and its dependent";
  EXPECT_EQ(loose_ends(store, 10, {x}).failed, 0U);
  EXPECT_EQ(loose_ends(store, 10, {}).unfinished, 1U);
  EXPECT_EQ(loose_ends(store, 10, {}).first_unfinished, unfinished);
  EXPECT_NE(loose_ends(store, 10, {}).unfinished_spec, nullptr);
}

TEST_F(FuturesTest, WhatRanAheadIsWrittenAsEndedThoughTheSameRoundAskedForItBefore) {
  const FutureId id{10, 1};
  auto ended = submit(driver(10), id, 0);
  ended.how = op::Submit::How::kEnded;
  ended.outcome = value("value");
  const auto results = run(1, {op::Await{id}, ended, op::Await{id}}).results;
  EXPECT_EQ(results[0].verdict, Verdict::kAbsent);
  for (const std::size_t i : {1, 2}) {
    ASSERT_EQ(results[i].verdict, Verdict::kFinished);
    EXPECT_EQ(results[i].outcome->bytes, "value");
  }
  EXPECT_TRUE(claim_some(1, {600}).taken.empty());
}

}  // namespace
}  // namespace morrow::control
