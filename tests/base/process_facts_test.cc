// SPDX-License-Identifier: Apache-2.0
#include "base/process_facts.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace morrow::base {
namespace {

TEST(ProcessFacts, TheNameOfAProcessMayHoldAnything) {
  const auto facts = parse_process_facts("7 (a) S (b)) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0 1 0 100 0 0");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->state, 'R');
  EXPECT_EQ(facts->parent, 1);
  EXPECT_EQ(facts->used_ticks, 42U);
  EXPECT_EQ(facts->started_ticks, 100U);
}

TEST(ProcessFacts, OfWhatIsGoneOrCutShortThereAreNone) {
  EXPECT_FALSE(parse_process_facts("").has_value());
  EXPECT_FALSE(parse_process_facts("7 (a) S 1").has_value());
  EXPECT_FALSE(process_facts(-1).has_value());
}

TEST(ProcessFacts, OfThisProcessTheParentIsKnown) {
  const auto facts = process_facts(getpid());
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->parent, getppid());
  EXPECT_NE(facts->started_ticks, 0U);
}

}  // namespace
}  // namespace morrow::base
