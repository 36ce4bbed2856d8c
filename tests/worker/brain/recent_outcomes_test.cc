// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/recent_outcomes.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

control::OutcomePtr value(std::size_t size) {
  auto outcome = std::make_shared<control::Outcome>();
  outcome->bytes.assign(size, 'v');
  return outcome;
}

TEST(RecentOutcomes, WhatWasRememberedIsRecalledUntilItIsForgotten) {
  RecentOutcomes recent(1 << 20);
  const control::OutcomePtr seven = value(7);
  recent.remember({1, 1}, seven);
  EXPECT_EQ(recent.recall({1, 1}), seven);
  EXPECT_EQ(recent.recall({1, 2}), nullptr);
  recent.forget({1, 1});
  EXPECT_EQ(recent.recall({1, 1}), nullptr);
}

TEST(RecentOutcomes, TheFirstOutcomeOfAFutureStands) {
  RecentOutcomes recent(1 << 20);
  const control::OutcomePtr first = value(1);
  recent.remember({1, 1}, first);
  recent.remember({1, 1}, value(2));
  EXPECT_EQ(recent.recall({1, 1}), first);
  EXPECT_EQ(recent.size(), 1u);
}

TEST(RecentOutcomes, TheOldestGoesFirst) {
  RecentOutcomes recent(3'000);
  for (std::uint64_t i = 1; i <= 4; ++i) recent.remember({1, i}, value(600));
  EXPECT_EQ(recent.recall({1, 1}), nullptr);
  EXPECT_NE(recent.recall({1, 2}), nullptr);
  EXPECT_NE(recent.recall({1, 4}), nullptr);
}

TEST(RecentOutcomes, TheBoundHoldsWhateverIsRememberedAndForgotten) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint16_t>>& steps) {
    RecentOutcomes recent(20'000);
    for (const auto& [sequence, size] : steps) {
      const control::FutureId id{1, sequence};
      if (size % 3 == 0) {
        recent.forget(id);
        RC_ASSERT(recent.recall(id) == nullptr);
      } else {
        recent.remember(id, value(size % 8'192));
      }
      RC_ASSERT(recent.bytes() <= 20'000u);
    }
  }));
}

}  // namespace
}  // namespace morrow::worker
