// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/change_numbers.h"

#include <gtest/gtest.h>

namespace morrow::runtime {
namespace {

TEST(ChangeNumbers, AreGivenFromOneOn) {
  ChangeNumbers changes;
  EXPECT_EQ(changes.last(), 0U);
  EXPECT_EQ(changes.next(), 1U);
  EXPECT_EQ(changes.next(), 2U);
  EXPECT_EQ(changes.last(), 2U);
  EXPECT_EQ(changes.acknowledged(), 0U);
}

TEST(ChangeNumbers, AnOldAcknowledgementTakesNothingBack) {
  ChangeNumbers changes;
  for (int i = 0; i < 5; ++i) changes.next();
  changes.acknowledge(4);
  changes.acknowledge(2);
  EXPECT_EQ(changes.acknowledged(), 4U);
}

TEST(ChangeNumbers, NothingIsAcknowledgedThatWasNotAskedFor) {
  ChangeNumbers changes;
  changes.next();
  changes.acknowledge(1'000);
  EXPECT_EQ(changes.acknowledged(), 1U);
}

}  // namespace
}  // namespace morrow::runtime
