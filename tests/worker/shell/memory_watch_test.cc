// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/memory_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace morrow::worker {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

/// A watch over processes that are numbers in a map.
class MemoryWatchTest : public testing::Test {
 protected:
  MemoryWatch::Means means() {
    return {
        .executors =
            [this] {
              std::vector<MemoryWatch::Executor> all;
              for (const auto& [id, executor] : executors_) all.push_back(executor);
              return all;
            },
        .executor = [this](ExecutorId id) -> std::optional<MemoryWatch::Executor> {
          const auto found = executors_.find(id);
          return found == executors_.end() ? std::nullopt : std::optional(found->second);
        },
        .used = [this](pid_t pid, std::uint64_t) { return used_[pid]; },
        .kernel_kills = [this] { return kernel_kills_; },
        .kill = [this](ExecutorId id) { killed_.push_back(id); },
        .after = [this](std::uint64_t milliseconds,
                        std::function<void()> then) { later_.emplace_back(milliseconds, std::move(then)); },
        .killed_at_limit = [this](ExecutorId id) -> std::optional<std::uint64_t> {
          const auto found = at_limit_.find(id);
          return found == at_limit_.end() ? std::nullopt : std::optional(found->second);
        },
    };
  }
  void runs(ExecutorId id, const std::string& task, std::uint64_t asked) {
    executors_[id] = {id, static_cast<pid_t>(id), task, asked, asked != 0};
  }
  /// Lets that time be over, once.
  void after(std::uint64_t milliseconds) {
    auto due = std::exchange(later_, {});
    for (auto& [when, then] : due) {
      if (when == milliseconds) {
        then();
      } else {
        later_.emplace_back(when, std::move(then));
      }
    }
  }
  bool looks() const {
    return std::any_of(later_.begin(), later_.end(), [](const auto& one) { return one.first == 100; });
  }

  std::map<ExecutorId, MemoryWatch::Executor> executors_;
  std::map<pid_t, std::uint64_t> used_;
  std::map<ExecutorId, std::uint64_t> at_limit_;
  std::uint64_t kernel_kills_ = 7;
  std::vector<ExecutorId> killed_;
  std::vector<std::pair<std::uint64_t, std::function<void()>>> later_;
  MemoryWatch watch_{means()};
};

TEST_F(MemoryWatchTest, OneThatTheKernelEndedAtItsLimitIsToldAsOneThatWasEndedHere) {
  watch_.start();
  runs(1, "large", 100 * kMiB);
  runs(2, "neighbour", 0);
  used_[2] = 3 * kMiB;
  watch_.given(1, true);
  at_limit_[1] = 130 * kMiB;
  ++kernel_kills_;
  const auto why = watch_.why_ended(1, 100 * kMiB, true, false);
  ASSERT_TRUE(why);
  EXPECT_FALSE(why->by_kernel) << "it is not tried again: it would use as much";
  EXPECT_EQ(why->used_bytes, 130 * kMiB);
  EXPECT_EQ(why->sentence,
            "it used 130.0 MiB of memory, more than the 100.0 MiB that it asked for (Options::memory), so the kernel "
            "ended its process; the largest of its neighbours on this worker was 'neighbour' with 3.0 MiB");
  EXPECT_FALSE(watch_.why_ended(2, 0, true, false)) << "that kill is explained";
}

TEST_F(MemoryWatchTest, ATaskThatUsesMoreThanItAskedForIsEndedAndTheSentenceHasAllThree) {
  watch_.start();
  runs(1, "", 0);
  used_[1] = 5 * kMiB;  // of its program, or of a task before
  watch_.given(1, true);
  runs(1, "greedy", 10 * kMiB);
  runs(2, "neighbour", 0);
  used_[2] = 40 * kMiB;
  used_[1] = 15 * kMiB;
  after(100);
  EXPECT_TRUE(killed_.empty()) << "what was there before it came is not its own";
  used_[1] = 16 * kMiB;
  after(100);
  EXPECT_EQ(killed_, std::vector<ExecutorId>{1});
  const auto why = watch_.why_ended(1, 10 * kMiB, true, false);
  ASSERT_TRUE(why);
  EXPECT_EQ(
      why->sentence,
      "it used 11.0 MiB of memory, more than the 10.0 MiB that it asked for (Options::memory), so its process was "
      "ended; the largest of its neighbours on this worker was 'neighbour' with 40.0 MiB");
  EXPECT_EQ(why->asked_bytes, 10 * kMiB);
  EXPECT_EQ(why->used_bytes, 11 * kMiB);
  EXPECT_FALSE(why->by_kernel);
  EXPECT_FALSE(watch_.why_ended(1, 10 * kMiB, true, false)) << "told once";
}

TEST_F(MemoryWatchTest, ATaskThatAskedForNothingHasNoLimitAndCostsNoLook) {
  runs(1, "free", 0);
  used_[1] = 1'000 * kMiB;
  watch_.start();
  EXPECT_FALSE(looks());
  after(1'000);
  EXPECT_TRUE(killed_.empty());
}

TEST_F(MemoryWatchTest, ItLooksOnlyWhileATaskAsksForMemory) {
  runs(1, "", 0);
  watch_.given(1, true);
  EXPECT_TRUE(looks());
  runs(1, "asks", kMiB);
  after(100);
  EXPECT_TRUE(looks());
  runs(1, "", 0);
  after(100);
  EXPECT_FALSE(looks());
  watch_.given(1, true);
  EXPECT_TRUE(looks());
}

TEST_F(MemoryWatchTest, ItLooksOnForATaskThatWaitsForItsValues) {
  runs(1, "", 0);
  watch_.given(1, true);
  executors_[1].will_ask = true;
  after(100);
  runs(1, "asks", 10 * kMiB);
  used_[1] = 11 * kMiB;
  after(100);
  EXPECT_EQ(killed_, std::vector<ExecutorId>{1});
}

TEST_F(MemoryWatchTest, OneThatRunsOnTopOfAnotherIsHeldToWhatItAddsOrToWhatBothAskedFor) {
  runs(1, "below", 0);
  used_[1] = 50 * kMiB;
  watch_.given(1, false);  // on top of one that asked for nothing
  runs(1, "above", 10 * kMiB);
  used_[1] = 60 * kMiB;
  after(100);
  EXPECT_TRUE(killed_.empty());
  watch_.given(1, false);
  runs(1, "on top of both", 30 * kMiB);
  used_[1] = 80 * kMiB;
  after(100);
  EXPECT_TRUE(killed_.empty());
  used_[1] = 81 * kMiB;
  after(100);
  EXPECT_EQ(killed_, std::vector<ExecutorId>{1});
}

TEST_F(MemoryWatchTest, WhatAProcessHasAtItsStartIsNotItsTasks) {
  watch_.given(1, true);  // it has no process yet
  EXPECT_FALSE(looks());
  runs(1, "asks", 10 * kMiB);
  used_[1] = 50 * kMiB;
  watch_.started(1);
  used_[1] = 55 * kMiB;
  after(100);
  EXPECT_TRUE(killed_.empty());
  used_[1] = 61 * kMiB;
  after(100);
  EXPECT_EQ(killed_, std::vector<ExecutorId>{1});
}

TEST_F(MemoryWatchTest, AProcessThatTheKernelEndedForMemoryIsKnownByItsCount) {
  watch_.start();
  runs(1, "task", 0);
  EXPECT_FALSE(watch_.why_ended(1, 0, true, false)) << "a SIGKILL of somebody else";
  ++kernel_kills_;
  EXPECT_FALSE(watch_.why_ended(1, 0, false, false)) << "it died of another signal";
  EXPECT_FALSE(watch_.why_ended(1, 0, true, true)) << "it was we";
  EXPECT_FALSE(watch_.why_ended(1, std::nullopt, true, false)) << "it ran nothing";
  const auto why = watch_.why_ended(1, 3 * kMiB, true, false);
  ASSERT_TRUE(why);
  EXPECT_TRUE(why->by_kernel);
  EXPECT_TRUE(why->sentence.starts_with("memory ran out, and the kernel killed its process; it asked for 3.0 MiB"))
      << why->sentence;
  EXPECT_FALSE(watch_.why_ended(2, 0, true, false)) << "one kill is of one process";
}

TEST_F(MemoryWatchTest, AKillOfTheKernelThatIsLongAgoExplainsNothing) {
  watch_.start();
  ++kernel_kills_;
  after(1'000);
  after(1'000);
  EXPECT_FALSE(watch_.why_ended(1, 0, true, false));
  kernel_kills_ += 2;
  after(1'000);
  EXPECT_TRUE(watch_.why_ended(1, 0, true, false));
  EXPECT_TRUE(watch_.why_ended(2, 0, true, false));
  EXPECT_FALSE(watch_.why_ended(3, 0, true, false));
}

}  // namespace
}  // namespace morrow::worker
