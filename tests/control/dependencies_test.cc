// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class DependenciesTest : public ControlTest {
 protected:
  DependenciesTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }
  const FutureId a{10, 1};
  const FutureId b{10, 2};
  const FutureId c{10, 3};
};

TEST_F(DependenciesTest, AFutureRunsWhenItsLastDependencyIsRealizedWithTheirValuesInOrder) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101));
  EXPECT_EQ(one(1, submit(driver(10), c, 102, make_spec({b, a, b}))).verdict, Verdict::kWaiting);
  const RoundResult first = run(1, {end(a, 100, value("A"))});
  ASSERT_EQ(first.checks, std::vector<FutureId>{c});
  EXPECT_EQ(one(1, op::Check{c, 103}).verdict, Verdict::kWaiting);
  one(1, end(b, 101, value("B")));
  const OpResult ready = one(1, op::Check{c, 103});
  ASSERT_EQ(ready.verdict, Verdict::kClaimed);
  ASSERT_EQ(ready.runnable.dependencies.size(), 3U);
  EXPECT_EQ(ready.runnable.dependencies[0]->bytes, "B");
  EXPECT_EQ(ready.runnable.dependencies[1]->bytes, "A");
  EXPECT_EQ(ready.runnable.dependencies[2]->bytes, "B");
}

TEST_F(DependenciesTest, ACheckThatIsPostedInItsOwnRoundIsLeftToALaterOne) {
  // Two workers end one dependency each and look at the dependent in the same round: neither sees the other's end, so
  // neither may have the last word.
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101));
  one(1, submit(driver(10), c, 102, make_spec({a, b})));
  const RoundResult round = run(1, {end(a, 100, value("A")), op::Check{c, 103}});
  EXPECT_EQ(round.results[1].verdict, Verdict::kWaiting);
  EXPECT_EQ(round.checks, std::vector<FutureId>{c});
  EXPECT_EQ(pending_checks(store, 1, 10), std::vector<FutureId>{c});
}

TEST_F(DependenciesTest, FinishedDependenciesDoNotMakeAFutureWait) {
  one(1, submit(driver(10), a, 100));
  one(1, end(a, 100, value("A")));
  const OpResult claimed = one(1, submit(driver(10), b, 101, make_spec({a})));
  ASSERT_EQ(claimed.verdict, Verdict::kClaimed);
  EXPECT_EQ(claimed.runnable.dependencies.at(0)->bytes, "A");
}

TEST_F(DependenciesTest, AFailedDependencyFailsItsDependentsWithTheRootAndWithoutRunningThem) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 0, make_spec({a})));
  one(1, submit(driver(10), c, 0, make_spec({b})));
  one(1, end(a, 100, failure(FailureKind::kException, "boom")));
  work_off(1);
  const OpResult end_of_c = one(1, op::Await{c});
  ASSERT_EQ(end_of_c.verdict, Verdict::kFinished);
  EXPECT_EQ(end_of_c.outcome->failure, FailureKind::kDependency);
  EXPECT_EQ(end_of_c.outcome->root, a);
  EXPECT_EQ(end_of_c.outcome->bytes, "boom");
  const OpResult later = one(1, submit(driver(10), {10, 4}, 101, make_spec({c})));
  ASSERT_EQ(later.verdict, Verdict::kFinished);
  EXPECT_EQ(later.outcome->root, a);
}

TEST_F(DependenciesTest, AFailedDependencyFailsAtOnceThoughAnotherIsStillMissing) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101));
  one(1, submit(driver(10), c, 0, make_spec({a, b})));
  one(1, end(a, 100, failure(FailureKind::kException)));
  EXPECT_EQ(one(1, op::Check{c, 0}).verdict, Verdict::kFinished);
  one(1, end(b, 101, value("B")));
  EXPECT_TRUE(pending_checks(store, 1, 10).empty());
}

TEST_F(DependenciesTest, AnAbsentDependencyFailsTheSubmitAsReleased) {
  const OpResult submitted = one(1, submit(driver(10), b, 101, make_spec({a})));
  ASSERT_EQ(submitted.verdict, Verdict::kFinished);
  EXPECT_EQ(submitted.outcome->failure, FailureKind::kReleased);
  EXPECT_EQ(submitted.outcome->root, a);
}

TEST_F(DependenciesTest, AReleasedDependencyStaysUntilItsLastDependentIsFinal) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 101, make_spec({a})));
  one(1, submit(driver(10), c, 0, make_spec({a})));
  one(1, op::Release{driver(10), a});
  one(1, end(a, 100, value("A")));
  const OpResult ready = one(1, op::Check{b, 101});
  ASSERT_EQ(ready.verdict, Verdict::kClaimed);
  EXPECT_EQ(ready.runnable.dependencies.at(0)->bytes, "A");
  one(1, end(b, 101, value("B")));
  EXPECT_EQ(look(1, a), Verdict::kFinished);
  work_off(1);
  EXPECT_EQ(claim_some(2, {200}).taken.at(0).dependencies.at(0)->bytes, "A");
  one(2, end(c, 200, value("C")));
  EXPECT_EQ(look(1, a), Verdict::kAbsent);
}

TEST_F(DependenciesTest, CancellingTheOnlyUseOfAReleasedFutureCancelsThatToo) {
  one(1, submit(driver(10), a, 100));
  one(1, submit(driver(10), b, 0, make_spec({a})));
  one(1, submit(driver(10), c, 0, make_spec({b})));
  one(1, op::Release{driver(10), a});
  one(1, op::Release{driver(10), b});
  one(1, op::Cancel{driver(10), c});
  EXPECT_EQ(look(1, a), Verdict::kAbsent);
  EXPECT_EQ(look(1, b), Verdict::kAbsent);
  EXPECT_EQ(drain(1).cancelled.size(), 1U);
}

TEST_F(DependenciesTest, ALongChainOfReleasedFuturesIsFreedInChunks) {
  constexpr std::uint64_t kLength = 300;
  one(1, submit(driver(10), a, 100));
  for (std::uint64_t i = 2; i <= kLength; ++i) one(1, submit(driver(10), {10, i}, 0, make_spec({{10, i - 1}})));
  for (std::uint64_t i = 1; i < kLength; ++i) one(1, op::Release{driver(10), {10, i}});
  one(1, op::Release{driver(10), {10, kLength}});
  work_off(1);
  EXPECT_TRUE(count(store).futures.empty());
}

TEST_F(DependenciesTest, ManyDependentsAreCheckedInChunks) {
  one(1, submit(driver(10), a, 100));
  std::vector<Op> ops;
  for (std::uint64_t i = 2; i <= 351; ++i) ops.emplace_back(submit(driver(10), {10, i}, 0, make_spec({a})));
  run(1, ops);
  one(1, end(a, 100, value("A")));
  work_off(1);
  EXPECT_EQ(count(store).futures.at(Status::kReady), 350U);
}

TEST_F(DependenciesTest, ASubmitWithVeryManyDependenciesIsBuiltInChunksAndRuns) {
  constexpr std::uint64_t kMany = 1000;
  database->hooks.committed = nullptr;  // the scan of all keys a commit would take minutes; checked at the end
  std::vector<FutureId> dependencies;
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= kMany; ++i) {
    dependencies.push_back({10, i});
    ops.emplace_back(submit(driver(10), {10, i}, 1000 + i));
  }
  run(1, ops);
  const FutureId last{10, kMany + 1};
  const RoundResult built = run(1, {submit(driver(10), last, 0, make_spec(dependencies))});
  EXPECT_EQ(built.results.at(0).verdict, Verdict::kWaiting);
  EXPECT_GT(built.commits, 4U);
  EXPECT_TRUE(invariants.check().empty());
  ops.clear();
  for (std::uint64_t i = 1; i <= kMany; ++i) ops.emplace_back(end({10, i}, 1000 + i, value(std::to_string(i))));
  run(1, ops);
  const OpResult ready = one(1, op::Check{last, 5});
  ASSERT_EQ(ready.verdict, Verdict::kClaimed);
  ASSERT_EQ(ready.runnable.dependencies.size(), kMany);
  EXPECT_EQ(ready.runnable.dependencies.back()->bytes, std::to_string(kMany));
  one(1, end(last, 5, value("sum")));
  work_off(1);
  EXPECT_TRUE(invariants.check().empty());
  one(1, end_session(10));
  work_off(1);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(DependenciesTest, ADependencyThatFailsWhileTheFutureIsBuiltFailsIt) {
  database->hooks.committed = nullptr;
  std::vector<FutureId> dependencies;
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 500; ++i) {
    dependencies.push_back({10, i});
    ops.emplace_back(submit(driver(10), {10, i}, 1000 + i));
  }
  run(1, ops);
  one(1, end({10, 400}, 1400, failure(FailureKind::kException)));
  const OpResult built = one(1, submit(driver(10), {10, 501}, 7, make_spec(dependencies)));
  ASSERT_EQ(built.verdict, Verdict::kFinished);
  EXPECT_EQ(built.outcome->root, (FutureId{10, 400}));
  work_off(1);
  EXPECT_TRUE(invariants.check().empty());
}

TEST_F(DependenciesTest, ASpecificationLargerThanATransactionTravelsWhole) {
  auto spec = std::make_shared<Spec>(*make_spec());
  for (int i = 0; i < 3'000'000; ++i) spec->payload.push_back(static_cast<char>(i * 7));
  const RoundResult built = run(1, {submit(driver(10), a, 0, spec)});
  EXPECT_EQ(built.results.at(0).verdict, Verdict::kReady);
  EXPECT_GT(built.commits, 5U);
  EXPECT_EQ(claim_some(2, {200}).taken.at(0).spec->payload, spec->payload);
}

TEST_F(DependenciesTest, WhatMustRunForAFutureToEndIsFound) {
  one(1, submit(driver(10), a));
  one(1, submit(driver(10), b, 0, make_spec({a})));
  one(1, submit(driver(10), c, 0, make_spec({b})));
  EXPECT_EQ(ready_dependencies(store, c, 10), std::vector<FutureId>{a});
}

TEST_F(DependenciesTest, TwoDependenciesThatEndAtOnceMakeTheFutureReadyAtEveryInterleaving) {
  for (int at = 1; at < 14; ++at) {
    const std::uint64_t base = static_cast<std::uint64_t>(at) * 10 + 100;
    one(1, submit(driver(10), {10, base}, 100));
    one(1, submit(driver(10), {10, base + 1}));
    ASSERT_EQ(claim_some(2, {200}).taken.size(), 1U);
    one(1, submit(driver(10), {10, base + 2}, 0, make_spec({{10, base}, {10, base + 1}})));
    store::SimStore other(database);
    int reads = 0;
    database->hooks.step = [&] {
      if (++reads == at) Committer(other, 2).run(Round{2, {end({10, base + 1}, 200, value("2"))}});
    };
    one(1, end({10, base}, 100, value("1")));
    database->hooks.step = nullptr;
    if (reads < at) one(2, end({10, base + 1}, 200, value("2")));
    work_off(1);
    work_off(2);
    EXPECT_EQ(claim_some(1, {300}).taken.size(), 1U) << "at step " << at;
  }
}

}  // namespace
}  // namespace morrow::control
