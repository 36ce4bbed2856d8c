// SPDX-License-Identifier: Apache-2.0
#include "runtime/driver/unacknowledged_changes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::runtime {
namespace {

wire::Release release(std::uint64_t number) {
  wire::Release message;
  message.set_number(number);
  return message;
}

std::vector<std::uint64_t> resent_by(const UnacknowledgedChanges& changes) {
  wire::FrameReader reader;
  reader.append(changes.resend_frames());
  std::vector<std::uint64_t> numbers;
  while (const auto frame = reader.next()) {
    EXPECT_EQ(frame->type, wire::RELEASE);
    wire::Release message;
    wire::parse(message, frame->payload);
    EXPECT_TRUE(message.resent());
    numbers.push_back(message.number());
  }
  return numbers;
}

TEST(UnacknowledgedChanges, AFrameIsGivenBackAsItIsToBeSent) {
  UnacknowledgedChanges changes;
  wire::FrameReader reader;
  reader.append(changes.add(1, wire::RELEASE, release(1)));
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  wire::Release message;
  wire::parse(message, frame->payload);
  EXPECT_EQ(message.number(), 1U);
  EXPECT_FALSE(message.resent());
}

TEST(UnacknowledgedChanges, WhatIsNotAcknowledgedIsSentAgainInItsOrderAndMarked) {
  UnacknowledgedChanges changes;
  for (std::uint64_t number = 1; number <= 100; ++number) changes.add(number, wire::RELEASE, release(number));
  EXPECT_EQ(resent_by(changes).size(), 100U);
  changes.acknowledge(97);
  EXPECT_EQ(resent_by(changes), (std::vector<std::uint64_t>{98, 99, 100}));
  changes.add(101, wire::RELEASE, release(101));
  changes.acknowledge(98);
  EXPECT_EQ(resent_by(changes), (std::vector<std::uint64_t>{99, 100, 101}));
  changes.acknowledge(101);
  EXPECT_EQ(changes.size(), 0U);
  EXPECT_TRUE(resent_by(changes).empty());
}

TEST(UnacknowledgedChanges, WhenTheyAreFullAQuarterMustGoBeforeThereIsSpace) {
  UnacknowledgedChanges changes;
  std::uint64_t number = 0;
  while (!changes.is_full()) {
    ++number;
    changes.add(number, wire::RELEASE, release(number));
  }
  EXPECT_FALSE(changes.has_space());
  changes.acknowledge(1);
  EXPECT_FALSE(changes.is_full());
  EXPECT_FALSE(changes.has_space());
  changes.acknowledge(number / 4 + 1);
  EXPECT_TRUE(changes.has_space());
}

TEST(UnacknowledgedChangesDeathTest, AreKeptInTheOrderOfTheirNumbers) {
  UnacknowledgedChanges changes;
  changes.add(2, wire::RELEASE, release(2));
  EXPECT_ABORT(changes.add(2, wire::RELEASE, release(2)), "changes are kept in the order of their numbers");
}

TEST(UnacknowledgedChanges, APutOfSeveralCopiesIsThroughOnlyWhenAWorkerSaysSo) {
  UnacknowledgedChanges changes;
  wire::Put put;
  changes.add(1, wire::PUT, put);
  changes.add(2, wire::RELEASE, release(2));
  EXPECT_EQ(changes.through(2), 2U);
  put.set_copies(2);
  changes.add(3, wire::PUT, put);
  changes.add(4, wire::RELEASE, release(4));
  EXPECT_EQ(changes.through(2), 2U);
  EXPECT_EQ(changes.through(4), 2U);
  changes.acknowledge(3);
  EXPECT_EQ(changes.through(4), 4U);
}

}  // namespace
}  // namespace morrow::runtime
