// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

/// One process at the cap, so that what a task awaits runs on top of it.
class NestedRuns : public testing::Test {
 protected:
  static Machine::Setup one_process() {
    Machine::Setup setup;
    setup.total = control::Resources{1'000'000, 1u << 30, 0, {}};
    setup.knobs.executor_cap = 1;
    return setup;
  }
  long times(const std::string& script) const {
    return std::count(machine_.started.begin(), machine_.started.end(), script);
  }

  /// A task, and the child that it awaits, which runs for ten seconds from about now on.
  FutureId begin_parent_and_child() {
    machine_.script("parent", {submit("child"), await(), gives("p")});
    machine_.script("child", {work(10 * kSecond), gives("c")});
    const FutureId parent = machine_.submit("parent");
    machine_.run(kSecond);
    return parent;
  }

  Machine machine_{one_process()};
};

TEST_F(NestedRuns, OneThatWaitsForALockBeginsAnewBesideItsParent) {
  const FutureId id = begin_parent_and_child();
  ASSERT_EQ(machine_.most_nested, 2U);
  ASSERT_TRUE(machine_.waits_for_lock());
  ASSERT_TRUE(machine_.run_until(id, 60 * kSecond));
  EXPECT_EQ(machine_.outcome(id)->bytes, "p");
  EXPECT_EQ(times("parent"), 2);
  EXPECT_EQ(times("child"), 2);
  EXPECT_EQ(machine_.most_executors, 2U);
}

TEST_F(NestedRuns, ItIsRememberedOfTheFunction) {
  begin_parent_and_child();
  ASSERT_TRUE(machine_.waits_for_lock());
  machine_.run(60 * kSecond);
  const FutureId next = machine_.submit("parent");
  machine_.run(kSecond);
  EXPECT_TRUE(machine_.brain().nested_runs().empty());
  ASSERT_TRUE(machine_.run_until(next, 60 * kSecond));
  EXPECT_EQ(times("parent"), 3);
}

/// Which of them holds the lock is not known.
TEST_F(NestedRuns, AllThatStoodUnderItHostNobodyAgain) {
  machine_.script("grandparent", {submit("parent"), await(), gives("g")});
  machine_.script("parent", {submit("child"), await(), gives("p")});
  machine_.script("child", {work(10 * kSecond), gives("c")});
  const FutureId id = machine_.submit("grandparent");
  machine_.run(kSecond);
  ASSERT_EQ(machine_.most_nested, 3U);
  ASSERT_TRUE(machine_.waits_for_lock());
  machine_.run(kSecond);
  EXPECT_TRUE(machine_.brain().nested_runs().empty());
  ASSERT_TRUE(machine_.run_until(id, 60 * kSecond));
  EXPECT_EQ(machine_.most_executors, 3U);
}

/// Each of them needs a process of its own.
TEST_F(NestedRuns, ARecursionDeeperThanThereMayBeProcessesComesToAnEnd) {
  constexpr int kLevels = 40;  // more than the cap and what may be above it
  for (int level = 0; level < kLevels; ++level)
    machine_.script("level" + std::to_string(level),
                    {submit("level" + std::to_string(level + 1)), await_any(), gives("up")});
  machine_.script("level" + std::to_string(kLevels), {gives("bottom")});
  const FutureId id = machine_.submit("level0");
  ASSERT_TRUE(machine_.run_until(id, 600 * kSecond));
  EXPECT_EQ(machine_.outcome(id)->bytes, "up") << "scripts go on when what they await has failed";
  EXPECT_EQ(machine_.most_executors, one_process().knobs.executor_cap + one_process().knobs.above_cap);
  EXPECT_EQ(times("level" + std::to_string(machine_.most_executors - 1)), 1);
  EXPECT_EQ(times("level" + std::to_string(machine_.most_executors)), 0) << "it failed where it was";
}

TEST_F(NestedRuns, WhatOneNeedsThroughOthersGetsAProcessToo) {
  machine_.script("parent", {submit("child"), submit_after("awaited", {"child"}), await({1}), gives("p")});
  machine_.script("child", {work(10 * kSecond), gives("c")});
  const FutureId id = machine_.submit("parent");
  machine_.run(kSecond);
  ASSERT_EQ(machine_.most_nested, 2U);
  ASSERT_TRUE(machine_.waits_for_lock());
  ASSERT_TRUE(machine_.run_until(id, 60 * kSecond));
  EXPECT_EQ(machine_.outcome(id)->bytes, "p");
}

TEST(NestedRunsAboveTheCap, AnIdleProcessThereGivesItsPlaceToOneThatIsNeeded) {
  Machine::Setup setup;
  setup.total = control::Resources{1'000'000, 1u << 30, 1'000'000, {}};
  setup.knobs.executor_cap = 1;
  Machine machine(setup);
  const control::Resources gpu{1'000'000, 0, 1'000'000, {}};
  machine.script("parent", {submit("child"), await({0}), submit("with gpu", gpu), await({1}), gives("p")});
  machine.script("child", {work(10 * kSecond), gives("c")});
  machine.script("with gpu", {gives("g")});
  const FutureId id = machine.submit("parent");
  machine.run(kSecond);
  ASSERT_TRUE(machine.waits_for_lock());
  ASSERT_TRUE(machine.run_until(id, 60 * kSecond));
  EXPECT_EQ(machine.outcome(id)->bytes, "p");
}

TEST_F(NestedRuns, OneThatIsOverByNowHarmsNobody) {
  const FutureId id = begin_parent_and_child();
  const auto runs = machine_.brain().nested_runs();
  ASSERT_EQ(runs.size(), 1U);
  ASSERT_TRUE(machine_.run_until(id, 60 * kSecond));
  EXPECT_FALSE(machine_.brain().nested_run_stands_still(machine_.now(), runs[0].executor, runs[0].claim));
  machine_.run(60 * kSecond);
  EXPECT_EQ(times("parent"), 1);
}

}  // namespace
}  // namespace morrow::test
