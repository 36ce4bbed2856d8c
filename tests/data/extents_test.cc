// SPDX-License-Identifier: Apache-2.0
#include "data/extents.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <vector>

namespace morrow::data {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t pages(std::uint64_t size) { return (std::max<std::uint64_t>(size, 1) + kPage - 1) / kPage * kPage; }

TEST(Extents, NeverOverlapAndAlwaysFindRoomThatThereIs) {
  const bool holds = rc::check("any order of allocations and frees", [] {
    const std::uint64_t capacity = kPage * *rc::gen::inRange(1, 64);
    Extents extents(capacity);
    std::map<std::uint64_t, Extent> held;
    std::uint64_t used = 0;
    const int steps = *rc::gen::inRange(1, 200);
    for (int i = 0; i < steps; ++i) {
      if (!held.empty() && *rc::gen::arbitrary<bool>()) {
        auto one = held.begin();
        std::advance(one, *rc::gen::inRange<int>(0, static_cast<int>(held.size())));
        extents.free(one->second);
        used -= pages(one->second.size);
        held.erase(one);
      } else {
        const auto size = *rc::gen::inRange<std::uint64_t>(0, capacity + kPage);
        const std::uint64_t largest = extents.largest_free();
        const auto extent = extents.allocate(size);
        RC_ASSERT(extent.has_value() == (pages(size) <= largest));
        if (!extent) continue;
        RC_ASSERT(extent->size == size);
        RC_ASSERT(extent->offset % kPage == 0);
        RC_ASSERT(extent->offset + pages(size) <= capacity);
        const auto next = held.lower_bound(extent->offset);
        if (next != held.end()) RC_ASSERT(extent->offset + pages(size) <= next->first);
        if (next != held.begin()) {
          const auto& before = std::prev(next)->second;
          RC_ASSERT(before.offset + pages(before.size) <= extent->offset);
        }
        held.emplace(extent->offset, *extent);
        used += pages(size);
      }
      RC_ASSERT(extents.used() == used);
    }
    for (const auto& [offset, extent] : held) extents.free(extent);
    RC_ASSERT(extents.used() == 0U);
    RC_ASSERT(extents.largest_free() == capacity);
  });
  EXPECT_TRUE(holds);
}

TEST(Extents, TheSamePagesAreUsedAgain) {
  Extents extents(100 * kPage);
  const auto first = extents.allocate(10 * kPage);
  ASSERT_TRUE(first);
  extents.free(*first);
  EXPECT_EQ(extents.allocate(10 * kPage)->offset, first->offset);
}

TEST(Extents, NothingIsHandedOutBeyondTheLimit) {
  Extents extents(100 * kPage);
  const auto first = extents.allocate(10 * kPage);
  extents.limit(20 * kPage);
  EXPECT_EQ(extents.largest_free(), 10 * kPage);
  EXPECT_FALSE(extents.allocate(11 * kPage));
  EXPECT_EQ(extents.allocate(10 * kPage)->offset, 10 * kPage);
  EXPECT_EQ(extents.largest_free(), 0U);
  EXPECT_FALSE(extents.allocate(1));
  extents.free(*first);
  EXPECT_EQ(extents.largest_free(), 10 * kPage);
  extents.limit(100 * kPage);
  EXPECT_EQ(extents.allocate(80 * kPage)->offset, 20 * kPage);
}

TEST(ExtentsDeath, WhatIsNotTakenCanNotBeFreed) {
  Extents extents(10 * kPage);
  const auto extent = extents.allocate(1);
  EXPECT_DEATH(extents.free({extent->offset, kPage + 1}), "freed as it was taken");
  EXPECT_DEATH(extents.free({kPage, 1}), "was taken");
  extents.free(*extent);
  EXPECT_DEATH(extents.free(*extent), "was taken");
}

TEST(Extents, WhatOthersHadIsTakenAtItsPlace) {
  const bool holds = rc::check("what one had allocated another one takes, in any order", [] {
    Extents before(kPage * 64);
    std::vector<Extent> held;
    for (int i = *rc::gen::inRange(1, 40); i > 0; --i) {
      if (const auto extent = before.allocate(*rc::gen::inRange<std::uint64_t>(1, 4 * kPage))) held.push_back(*extent);
      if (held.empty() || *rc::gen::inRange(0, 3) != 0) continue;
      before.free(held.back());
      held.pop_back();
    }
    Extents after(kPage * 64);
    std::reverse(held.begin(), held.end());
    for (const Extent& extent : held) after.take(extent);
    RC_ASSERT(after.used() == before.used());
    RC_ASSERT(after.largest_free() == before.largest_free());
    for (const Extent& extent : held) after.free(extent);
    RC_ASSERT(after.largest_free() == after.capacity());
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace morrow::data
