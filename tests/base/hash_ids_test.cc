// SPDX-License-Identifier: Apache-2.0
#include "base/hash_ids.h"

#include <gtest/gtest.h>

#include <bit>
#include <unordered_set>

namespace morrow::base {
namespace {

TEST(HashIds, IdsThatFollowEachOtherDifferInTheLowAndTheHighBits) {
  std::unordered_set<std::size_t> low;
  std::unordered_set<std::size_t> high;
  for (std::uint64_t sequence = 1; sequence <= 1'000; ++sequence) {
    const std::size_t hash = hash_of_id(0x1234'5678'9abc'def0, sequence);
    low.insert(hash & 0xffff);
    high.insert(hash >> 48);
  }
  EXPECT_GT(low.size(), 900U);
  EXPECT_GT(high.size(), 900U);
}

TEST(HashIds, ScopesAreToldApart) { EXPECT_NE(hash_of_id(1, 7), hash_of_id(2, 7)); }

TEST(HashIds, MixedNumbersDifferInAboutHalfOfTheirBits) {
  std::unordered_set<std::uint64_t> mixed;
  int differing = 0;
  for (std::uint64_t number = 0; number < 1'000; ++number) {
    mixed.insert(mix_bits(number));
    differing += std::popcount(mix_bits(number) ^ mix_bits(number + 1));
  }
  EXPECT_EQ(mixed.size(), 1'000U);
  EXPECT_GT(differing, 1'000 * 24);
  EXPECT_LT(differing, 1'000 * 40);
}

}  // namespace
}  // namespace morrow::base
