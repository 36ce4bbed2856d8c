// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/commit_queue.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

Item running() {
  Item item;
  item.settled = false;
  return item;
}

TEST(CommitQueue, WhatIsDueTakesAlongAllBeforeIt) {
  CommitQueue gather;
  gather.push(running(), false);
  const auto second = gather.push(running(), false);
  gather.push(running(), false);
  EXPECT_FALSE(gather.has_due());
  gather.make_due(second);
  EXPECT_EQ(gather.take(10, 10'000).size(), 2u);
  EXPECT_FALSE(gather.has_due());
}

TEST(CommitQueue, AnEndWaitsForThoseBeforeIt) {
  CommitQueue gather;
  const auto first = gather.push(running(), false);
  const auto second = gather.push(running(), false);
  const auto third = gather.push(running(), false);
  gather.make_ended(5, second);
  gather.make_ended(7, third);
  EXPECT_FALSE(gather.has_due());
  EXPECT_EQ(gather.blocker(), &gather.at(first));
  EXPECT_EQ(gather.blocked_since(), 5u);
  gather.make_ended(9, first);
  EXPECT_EQ(gather.blocker(), nullptr);
  EXPECT_EQ(gather.take(10, 10'000).size(), 3u);
}

TEST(CommitQueue, WhatHasNoEndToWaitForBlocksNobody) {
  CommitQueue gather;
  Item release;
  gather.push(std::move(release), false);
  const auto submit = gather.push(running(), false);
  EXPECT_FALSE(gather.has_due());
  gather.make_ended(1, submit);
  EXPECT_EQ(gather.take(10, 10'000).size(), 2u);
}

TEST(CommitQueue, UnblockingTakesWhatHasEndedAndAllBeforeIt) {
  CommitQueue gather;
  gather.push(running(), false);
  const auto second = gather.push(running(), false);
  const auto third = gather.push(running(), false);
  gather.make_ended(1, second);
  gather.unblock();
  EXPECT_EQ(gather.take(10, 10'000).size(), 2u);
  gather.make_ended(2, third);
  EXPECT_EQ(gather.take(10, 10'000).size(), 1u);
}

TEST(CommitQueue, TheNextBlockerCountsFromTheEndThatStillWaits) {
  CommitQueue gather;
  const auto first = gather.push(running(), false);
  const auto second = gather.push(running(), false);
  const auto third = gather.push(running(), false);
  const auto fourth = gather.push(running(), false);
  gather.make_ended(1, second);
  gather.make_ended(4, fourth);
  gather.make_ended(6, first);
  EXPECT_EQ(gather.take(10, 10'000).size(), 2u);
  ASSERT_EQ(gather.blocker(), &gather.at(third));
  EXPECT_EQ(gather.blocked_since(), 4u);
}

}  // namespace
}  // namespace morrow::worker
