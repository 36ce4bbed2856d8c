// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/run_times.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace morrow::worker {
namespace {

TEST(RunTimes, AFunctionIsUnknownUntilItRan) {
  RunTimes times;
  EXPECT_EQ(times.find(1), nullptr);
  EXPECT_EQ(times.usual(1, 77), 77u);
  times.learn(1, 5);
  EXPECT_EQ(times.usual(1, 77), 5u);
  EXPECT_EQ(times.usual(2, 77), 77u);
}

TEST(RunTimes, AFunctionThatWasSeenToWaitIsOneThatWaits) {
  RunTimes times;
  times.learn(1, 5);
  EXPECT_FALSE(times.find(1)->waits);
  times.note_wait(1);
  times.learn(1, 5);
  EXPECT_TRUE(times.find(1)->waits);
}

TEST(RunTimes, TheUsualTimeStaysBetweenTheShortestAndTheLongest) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint32_t>& runs) {
    RC_PRE(!runs.empty());
    RunTimes times;
    for (const std::uint32_t ran : runs) times.learn(1, ran);
    const auto [least, most] = std::minmax_element(runs.begin(), runs.end());
    RC_ASSERT(times.usual(1, 0) <= *most);
    RC_ASSERT(times.usual(1, 0) + 8 >= *least);  // each step rounds down
  }));
}

TEST(RunTimes, TheUsualTimeOfAnyFollowsTheLastTasksWhicheverTheirFunction) {
  RunTimes times;
  EXPECT_EQ(times.usual_of_any(77), 77u);
  for (std::uint64_t function = 1; function <= 100; ++function) times.learn(function, 1'000'000);
  EXPECT_EQ(times.usual_of_any(77), 1'000'000u);
  for (int i = 0; i < 100; ++i) times.learn(500, 1'000);
  EXPECT_LT(times.usual_of_any(77), 2'000u);
  EXPECT_EQ(times.usual(7, 77), 1'000'000u);
}

TEST(RunTimes, OfVeryManyFunctionsThoseThatRanLastAreKept) {
  RunTimes times;
  for (std::uint64_t function = 1; function <= 50'000; ++function) {
    times.learn(function, function);
    times.learn(1, 1);  // runs all the while
  }
  EXPECT_EQ(times.usual(1, 0), 1u);
  for (std::uint64_t function = 46'000; function <= 50'000; ++function) ASSERT_NE(times.find(function), nullptr);
  EXPECT_EQ(times.find(2), nullptr);
}

}  // namespace
}  // namespace morrow::worker
