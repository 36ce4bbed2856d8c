// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/long_wait.h"

#include <gtest/gtest.h>

#include <vector>

namespace morrow::runtime {
namespace {

using std::chrono::seconds;

TEST(LongWait, IsToldOfOnceAfterThePatienceAndThenEverMoreRarely) {
  LongWait wait;
  const LongWait::Clock::time_point start{};
  std::vector<int> told;
  for (int second = 0; second <= 100; ++second) {
    if (wait.look(start + seconds(second), seconds(10))) told.push_back(second);
  }
  EXPECT_EQ(told, (std::vector<int>{10, 20, 40, 80}));
}

TEST(LongWait, TheNextOneBeginsAnew) {
  LongWait wait;
  const LongWait::Clock::time_point start{};
  EXPECT_FALSE(wait.look(start, seconds(10)));
  wait.end();
  EXPECT_FALSE(wait.look(start + seconds(20), seconds(10)));
  EXPECT_TRUE(wait.look(start + seconds(30), seconds(10)));
}

}  // namespace
}  // namespace morrow::runtime
