// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/way_back.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "data/extents.h"

namespace morrow::worker {
namespace {

constexpr std::uint64_t kPages = 64;
constexpr std::uint64_t kBytes = kPages * data::kPageBytes;

Object in_memory(std::uint64_t number, std::uint64_t first_page, std::uint64_t pages) {
  Object object;
  object.number = number;
  object.size_bytes = pages * data::kPageBytes;
  object.extent = {first_page * data::kPageBytes, object.size_bytes};
  return object;
}

Object on_disk(std::uint64_t number, std::uint64_t pages) {
  Object object;
  object.number = number;
  object.size_bytes = pages * data::kPageBytes;
  object.stored = true;
  return object;
}

TEST(WayBack, WithNothingOnDiskMemoryMayBeFull) {
  WayBack way(kBytes);
  way.note(in_memory(1, 0, kPages));
  EXPECT_TRUE(way.is_open());
}

TEST(WayBack, ItIsClosedWhenWhatStaysLeavesNoPlaceForTheLargestOnDisk) {
  WayBack way(kBytes);
  way.note(in_memory(1, 0, 30));
  way.note(in_memory(2, 40, 24));
  way.note(on_disk(3, 10));
  EXPECT_TRUE(way.is_open());
  way.note(on_disk(4, 11));
  EXPECT_FALSE(way.is_open());
}

TEST(WayBack, WhatHasAFileOrAPromiseIsNotInTheWay) {
  WayBack way(kBytes);
  Object one = in_memory(1, 0, 32);
  Object other = in_memory(2, 32, 32);
  way.note(one);
  way.note(other);
  way.note(on_disk(3, 30));
  EXPECT_FALSE(way.is_open());
  one.promised_bytes = 1;
  way.note(one);
  EXPECT_TRUE(way.is_open());
  one.promised_bytes = 0;
  way.note(one);
  EXPECT_FALSE(way.is_open());
  other.stored = true;
  way.note(other);
  EXPECT_TRUE(way.is_open());
  way.forget(2);
  EXPECT_TRUE(way.is_open());
}

TEST(WayBack, ItIsWhatOneFindsWhoLooksAtEachPage) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto any = [&](std::uint64_t least, std::uint64_t most) {
      return std::uniform_int_distribution<std::uint64_t>(least, most)(random);
    };
    WayBack way(kBytes);
    data::Extents extents(kBytes);
    std::map<std::uint64_t, Object> objects;
    for (std::uint64_t i = 1; i <= 200; ++i) {
      Object object;
      if (!objects.empty() && any(0, 1) == 0) {
        object = std::next(objects.begin(), static_cast<long>(any(0, objects.size() - 1)))->second;
        if (any(0, 3) == 0) {
          if (object.extent.size != 0) extents.free(object.extent);
          objects.erase(object.number);
          way.forget(object.number);
          continue;
        }
        if (object.stored && object.extent.size != 0) {
          extents.free(object.extent);
          object.extent = {};
        }
        object.stored = true;
      } else {
        object.number = i;
        object.size_bytes = any(1, 6 * data::kPageBytes);
        const auto extent = extents.allocate(object.size_bytes);
        if (!extent) continue;
        object.extent = *extent;
        object.promised_bytes = any(0, 2) == 0 ? 1 : 0;
      }
      objects[object.number] = object;
      way.note(object);

      std::vector<bool> stays(kPages, false);
      std::uint64_t largest_out = 0;
      for (const auto& [number, one] : objects) {
        if (one.extent.size == 0) {
          largest_out = std::max(largest_out, (one.size_bytes + data::kPageBytes - 1) / data::kPageBytes);
        } else if (!one.stored && one.promised_bytes == 0) {
          for (std::uint64_t at = 0; at < one.extent.size; at += data::kPageBytes)
            stays[(one.extent.offset + at) / data::kPageBytes] = true;
        }
      }
      std::uint64_t run = 0;
      std::uint64_t longest = 0;
      for (const bool page : stays) longest = std::max(longest, run = page ? 0 : run + 1);
      ASSERT_EQ(way.is_open(), largest_out <= longest) << "seed " << seed << ", step " << i;
    }
  }
}

}  // namespace
}  // namespace morrow::worker
