// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/nested_watch.h"

#include <gtest/gtest.h>

#include <string>

namespace morrow::worker {
namespace {

class NestedWatchTest : public testing::Test {
 protected:
  /// The half second until the next look is over.
  void look() {
    for (auto& then : std::exchange(later_, {})) then();
  }

  std::vector<NestedRun> runs_{{7, 70, "child", "parent", false}};
  std::map<ExecutorId, std::uint64_t> locked_;  ///< with what it used
  std::vector<std::string> found_;
  std::vector<std::function<void()>> later_;
  NestedWatch watch_{{
      .runs = [this] { return runs_; },
      .used_while_locked = [this](ExecutorId executor) -> std::optional<std::uint64_t> {
        const auto found = locked_.find(executor);
        return found == locked_.end() ? std::nullopt : std::optional(found->second);
      },
      .stands_still = [this](const NestedRun& run) { found_.push_back(run.name); },
      .after = [this](std::uint64_t, std::function<void()> then) { later_.push_back(std::move(then)); },
  }};
};

TEST_F(NestedWatchTest, WhatWaitsForLocksInTwoLooksAndUsedNothingBetweenIsFound) {
  watch_.begun();
  locked_[7] = 5;
  look();
  EXPECT_TRUE(found_.empty());
  look();
  EXPECT_EQ(found_, std::vector<std::string>{"child"});
}

TEST_F(NestedWatchTest, WhatUsedItsProcessorBetweenTheLooksIsNotFound) {
  watch_.begun();
  for (std::uint64_t used = 1; used < 10; ++used) {
    locked_[7] = used;
    look();
  }
  EXPECT_TRUE(found_.empty());
}

TEST_F(NestedWatchTest, AnotherRunOfTheSameProcessIsAnother) {
  watch_.begun();
  locked_[7] = 5;
  for (control::Claim claim = 1; claim < 10; ++claim) {
    runs_[0].claim = claim;
    look();
  }
  EXPECT_TRUE(found_.empty());
}

TEST_F(NestedWatchTest, WhatDidNotWaitInBetweenIsNotFound) {
  watch_.begun();
  for (int i = 0; i < 4; ++i) {
    locked_[7] = 5;
    look();
    locked_.clear();
    look();
  }
  EXPECT_TRUE(found_.empty());
}

TEST_F(NestedWatchTest, OneThatAwaitsOthersIsLookedAtWhenItGoesOn) {
  watch_.begun();
  locked_[7] = 5;
  runs_[0].may_go_on = true;
  for (int i = 0; i < 4; ++i) look();
  EXPECT_TRUE(found_.empty());
  runs_[0].may_go_on = false;
  look();
  look();
  EXPECT_EQ(found_, std::vector<std::string>{"child"});
}

TEST_F(NestedWatchTest, ItLooksOnceAtATimeAndOnlyWhileThereAreNestedRuns) {
  watch_.begun();
  watch_.begun();
  EXPECT_EQ(later_.size(), 1U);
  look();
  EXPECT_EQ(later_.size(), 1U);
  runs_.clear();
  look();
  EXPECT_TRUE(later_.empty());
  watch_.begun();
  EXPECT_EQ(later_.size(), 1U);
}

}  // namespace
}  // namespace morrow::worker
