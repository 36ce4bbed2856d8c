// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/released_futures.h"

#include <gtest/gtest.h>

#include <set>

namespace morrow::runtime {
namespace {

TEST(ReleasedFutures, KnowWhatWasReleasedAndNothingElseInAnyOrder) {
  ReleasedFutures released;
  std::set<std::uint64_t> numbers;
  std::uint64_t next = 1;
  for (int i = 0; i < 500; ++i) {
    next = next * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t number = 1 + (next >> 33) % 400;
    numbers.insert(number);
    released.add({7, number});
    for (std::uint64_t one = 1; one <= 401; ++one) ASSERT_EQ(released.contains({7, one}), numbers.contains(one)) << one;
  }
  EXPECT_FALSE(released.contains({8, *numbers.begin()}));
}

TEST(ReleasedFutures, TakeNoMemoryForEachOfThoseThatFollowEachOther) {
  ReleasedFutures released;
  for (std::uint64_t number = 1; number <= 1000; number += 2) released.add({7, number});
  EXPECT_EQ(released.ranges(7), 500U);
  for (std::uint64_t number = 1000; number >= 2; number -= 2) released.add({7, number});
  EXPECT_EQ(released.ranges(7), 1U);
}

TEST(ReleasedFutures, OfVeryManyScopesTheLastUsedAreKnown) {
  ReleasedFutures released;
  for (std::uint64_t scope = 1; scope <= 3 * ReleasedFutures::kMostScopes; ++scope) {
    released.add({scope, 1});
    released.add({1'000'000, scope});
  }
  EXPECT_LE(released.scopes(), ReleasedFutures::kMostScopes + 1);
  EXPECT_TRUE(released.contains({1'000'000, 1}));
  EXPECT_TRUE(released.contains({3 * ReleasedFutures::kMostScopes, 1}));
  EXPECT_FALSE(released.contains({1, 1}));
}

TEST(ReleasedFutures, AScopeThatEndedIsForgotten) {
  ReleasedFutures released;
  released.add({7, 1});
  released.forget_scope(7);
  EXPECT_TRUE(released.empty());
}

}  // namespace
}  // namespace morrow::runtime
