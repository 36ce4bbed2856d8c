// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/long_waits.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/worker/brain/task_of.h"

namespace morrow::worker {
namespace {

using control::FutureId;

constexpr Time kLong = 1'000;

struct LongWaitsTest : testing::Test {
  LongWaitsTest() {
    StackedTask stacked;
    stacked.task = task_of(5);
    stacked.task->committed = true;
    stacked.held = control::Resources{1'000'000, 60, 0, {}};
    stacked.released = control::Resources{1'000'000, 0, 0, {}};
    stacked.blocked = true;
    executor.stack.push_back(std::move(stacked));
  }
  AwaitPtr ask(std::vector<FutureId> ids, std::uint32_t need = 0, bool in_order = false) {
    AwaitRequest request;
    request.token = ++token;
    request.claim = 5;
    request.ids = std::move(ids);
    request.need = need;
    request.endless = true;
    request.in_order = in_order;
    AwaitPtr await = awaits.open(Waiter{0, executor.id}, std::move(request));
    await->blocks = true;
    await->since = 1;
    return await;
  }
  std::vector<control::LongWait> waits(Time now = 10 * kLong) {
    const auto note = LongWaits(kLong).update(now, awaits, executors);
    return note ? note->waits : std::vector<control::LongWait>();
  }

  Awaits awaits;
  ExecutorStates executors;
  ExecutorState& executor = executors.add("program", {});
  std::uint64_t token = 0;
  const FutureId x{1, 1}, y{1, 2}, z{1, 3};
};

TEST_F(LongWaitsTest, AWaitIsToldWithWhatItsTaskKeeps) {
  ask({x, y});
  EXPECT_TRUE(waits(kLong / 2).empty()) << "it is not long yet";
  const auto told = waits();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], (control::LongWait{{1, 5}, 5, {x, y}, 2, control::Resources{0, 60, 0, {}}}));
}

TEST_F(LongWaitsTest, AWaitWithATimeoutIsNotTold) {
  ask({x})->request.endless = false;
  EXPECT_TRUE(waits().empty());
}

TEST_F(LongWaitsTest, OfAWaitForSomeAllThatHaveNotEndedAreNamedAndHowManyItNeeds) {
  const AwaitPtr await = ask({x, y, z}, 2);
  awaits.count_answer(*await, 1);
  const auto told = waits();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].futures, (std::vector<FutureId>{x, z}));
  EXPECT_EQ(told[0].need, 1u);
}

TEST_F(LongWaitsTest, OfAWaitInOrderTheFirstThatHasNotEndedIsNamed) {
  const AwaitPtr await = ask({x, y, z}, 0, true);
  awaits.count_answer(*await, 0);
  const auto told = waits();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].futures, std::vector<FutureId>{y});
}

TEST_F(LongWaitsTest, OfVeryManySomeAreNamedWhenAllAreNeededAndElseNothingIsTold) {
  std::vector<FutureId> many;
  for (std::uint64_t i = 0; i < 1'000; ++i) many.push_back({2, i});
  const AwaitPtr all = ask(many);
  const auto told = waits();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_LT(told[0].futures.size(), 1'000u);
  EXPECT_EQ(told[0].need, told[0].futures.size());
  all->missing = 1;
  EXPECT_TRUE(waits().empty());
}

TEST_F(LongWaitsTest, ATaskThatWaitsInSeveralThreadsIsNotTold) {
  ask({x});
  ask({y});
  EXPECT_TRUE(waits().empty());
}

TEST_F(LongWaitsTest, WhatIsKnownIsToldOnceAndLookedAtAgainMoreAndMoreSeldom) {
  ask({x});
  LongWaits long_waits(kLong);
  Time now = 10 * kLong;
  EXPECT_TRUE(long_waits.update(now, awaits, executors));
  EXPECT_FALSE(long_waits.update(now + 1'000'000'000'000, awaits, executors)) << "it is under way";
  std::vector<Time> looks;
  for (; looks.size() < 3; now += 100'000'000) {
    long_waits.note_done();
    if (long_waits.update(now, awaits, executors)) looks.push_back(now);
  }
  EXPECT_LT(looks[1] - looks[0], looks[2] - looks[1]);
  executor.stack.clear();
  long_waits.note_done();
  const auto none = long_waits.update(now, awaits, executors);
  ASSERT_TRUE(none) << "that it is over is told at once";
  EXPECT_TRUE(none->waits.empty());
}

}  // namespace
}  // namespace morrow::worker
