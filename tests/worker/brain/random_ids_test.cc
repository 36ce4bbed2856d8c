// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/random_ids.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <vector>

namespace morrow::worker {
namespace {

std::vector<std::uint64_t> drawn_with_seed(std::uint64_t seed) {
  RandomIds random(seed);
  std::vector<std::uint64_t> drawn;
  for (int i = 0; i < 10'000; ++i) drawn.push_back(random.draw());
  return drawn;
}

TEST(RandomIds, TheSameSeedGivesTheSameOnes) { EXPECT_EQ(drawn_with_seed(7), drawn_with_seed(7)); }

TEST(RandomIds, WorkersOfDifferentSeedsDrawDifferentOnes) {
  const std::vector<std::uint64_t> one = drawn_with_seed(7);
  const std::vector<std::uint64_t> other = drawn_with_seed(8);
  std::set<std::uint64_t> all(one.begin(), one.end());
  all.insert(other.begin(), other.end());
  EXPECT_EQ(all.size(), one.size() + other.size());
}

TEST(RandomIds, NoTwoAreAlikeAndNoneIsZero) {
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    const std::vector<std::uint64_t> drawn = drawn_with_seed(seed);
    const std::set<std::uint64_t> all(drawn.begin(), drawn.end());
    EXPECT_EQ(all.size(), drawn.size());
    EXPECT_FALSE(all.contains(0));
  }
}

TEST(RandomIds, WhatIsSpreadReachesBothEndsAndNothingBeyond) {
  RandomIds random(7);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) seen.insert(random.up_to(3));
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0, 1, 2, 3}));
}

TEST(RandomIds, NothingToSpreadIsZero) {
  RandomIds random(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.up_to(0), 0U);
}

}  // namespace
}  // namespace morrow::worker
