// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/backlog.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/base/expect_abort.h"
#include "tests/worker/brain/task_of.h"

namespace morrow::worker {
namespace {

bool unwanted(const HeldTask& task) { return !task.wanted; }

using Place = HeldTask::Place;

constexpr Time kNever = ~Time{0};

bool any(const control::Resources&) { return true; }
bool none_held(const std::string&) { return false; }

/// Takes the next task as the scheduler does; 0: none.
template <class Fits>
std::uint64_t take(Backlog& backlog, Fits fits, Time now = 0, Time starving_after = kNever) {
  Backlog::Lane* lane = backlog.next_lane(now, starving_after, fits, none_held);
  if (lane == nullptr) return 0;
  const HeldTaskPtr task = Backlog::head(*lane);
  backlog.leave(*task, Place::kHanded);
  return task->run.id.sequence;
}

TEST(Backlog, TasksLeaveInTheOrderTheyCameInAcrossPrograms) {
  Backlog backlog;
  for (std::uint64_t i = 1; i <= 4; ++i) backlog.enter(task_of(i, i % 2 == 0 ? "even" : "odd"), 10, false);
  for (std::uint64_t i = 1; i <= 4; ++i) EXPECT_EQ(take(backlog, any), i);
  EXPECT_EQ(take(backlog, any), 0u);
  EXPECT_TRUE(backlog.empty());
}

TEST(Backlog, ATaskInFrontGoesBeforeAllOfItsLane) {
  Backlog backlog;
  backlog.enter(task_of(1), 10, false);
  backlog.enter(task_of(2), 10, true);
  EXPECT_EQ(take(backlog, any), 2u);
  EXPECT_EQ(take(backlog, any), 1u);
}

TEST(Backlog, WhatDoesNotFitIsPassedUntilItStarves) {
  Backlog backlog;
  const auto small = [](const control::Resources& need) { return need.cpu_micro <= 1'000'000; };
  backlog.enter(task_of(1, "program", 4'000'000), 10, false);
  backlog.enter(task_of(2), 10, false);
  backlog.enter(task_of(3), 10, false);
  EXPECT_EQ(take(backlog, small, 50, 100), 2u);
  EXPECT_EQ(take(backlog, small, 102, 100), 0u);
  EXPECT_EQ(take(backlog, any, 102, 100), 1u);
  EXPECT_EQ(take(backlog, small, 102, 100), 3u);
}

TEST(Backlog, TheLatestWishComesFirstAndOnlyWhileItWaitsHere) {
  Backlog backlog;
  std::vector<HeldTaskPtr> tasks;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    tasks.push_back(task_of(i));
    backlog.enter(tasks.back(), 10, false);
    backlog.want(tasks.back());
    backlog.want(tasks.back());
  }
  backlog.leave(*tasks[2], Place::kHanded);
  EXPECT_EQ(backlog.take_wanted(), tasks[1]);
  backlog.return_wanted({tasks[1]});
  EXPECT_EQ(backlog.take_wanted(), tasks[1]);
  EXPECT_EQ(backlog.take_wanted(), tasks[0]);
  EXPECT_EQ(backlog.take_wanted(), nullptr);
}

TEST(Backlog, AWishForATaskThatComesLaterHolds) {
  Backlog backlog;
  const HeldTaskPtr task = task_of(1);
  backlog.want(task);
  EXPECT_EQ(backlog.take_wanted(), nullptr);
  backlog.enter(task, 10, false);
  EXPECT_EQ(backlog.take_wanted(), task);
}

TEST(Backlog, AWishThatIsDroppedIsAnOrdinaryTaskAgain) {
  Backlog backlog;
  std::vector<HeldTaskPtr> tasks;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    tasks.push_back(task_of(i));
    tasks.back()->committed = true;
    backlog.enter(tasks.back(), 10, false);
    backlog.want(tasks.back());
  }
  backlog.drop_wishes([](const HeldTask& task) { return task.run.id.sequence == 2; });
  EXPECT_EQ(backlog.take_wanted(), tasks[1]);
  EXPECT_EQ(backlog.take_wanted(), nullptr);
  EXPECT_EQ(backlog.take_committed(unwanted, Place::kEnded), std::vector<HeldTaskPtr>{tasks[0]});
  EXPECT_FALSE(tasks[0]->wanted);
}

TEST(Backlog, AllOfAProgramLeaveTogether) {
  Backlog backlog;
  for (std::uint64_t i = 1; i <= 4; ++i)
    backlog.enter(task_of(i, i % 2 == 0 ? "even" : "odd", i * 1'000'000), 10, false);
  for (const Backlog::Lane* lane : backlog.lanes_of("odd")) {
    for (const HeldTaskPtr& task : Backlog::tasks_of(*lane)) backlog.leave(*task, Place::kHanded);
  }
  EXPECT_EQ(backlog.size(), 2u);
  EXPECT_EQ(take(backlog, any), 2u);
}

TEST(Backlog, AProgramThatIsHeldBackKeepsNoOtherFromStarting) {
  Backlog backlog;
  const HeldTaskPtr held = task_of(1, "held");
  const HeldTaskPtr other = task_of(2, "other");
  held->arrived = 1;
  other->arrived = 1'000;
  backlog.enter(held, 10, false);
  backlog.enter(other, 10, false);
  const auto is_held = [](const std::string& program) { return program == "held"; };
  Backlog::Lane* lane = backlog.next_lane(kNever, 100, any, is_held);
  ASSERT_NE(lane, nullptr) << "it waits long, and starves nobody";
  EXPECT_EQ(Backlog::head(*lane), other);
}

TEST(Backlog, WhatIsWantedOrNotCommittedStays) {
  Backlog backlog;
  std::vector<HeldTaskPtr> tasks;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    tasks.push_back(task_of(i));
    tasks.back()->committed = i != 3;
    backlog.enter(tasks.back(), 10, false);
  }
  backlog.want(tasks[0]);
  EXPECT_EQ(backlog.take_committed(unwanted, Place::kEnded), std::vector<HeldTaskPtr>{tasks[1]});
  EXPECT_EQ(backlog.size(), 2u);
}

TEST(BacklogDeathTest, ATaskLeavesOnce) {
  Backlog backlog;
  const HeldTaskPtr task = task_of(1);
  backlog.enter(task, 10, false);
  backlog.leave(*task, Place::kHanded);
  EXPECT_ABORT(backlog.leave(*task, Place::kHanded), "only a task of the backlog leaves it");
}

// By whichever door tasks come and go: each is yielded only while it is here, and all are counted.
TEST(Backlog, NoTaskIsYieldedTwice) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps) {
    Backlog backlog;
    std::vector<HeldTaskPtr> tasks;
    std::set<std::uint64_t> here;
    Time time = 0;
    const auto left = [&](const HeldTaskPtr& task) {
      RC_ASSERT(here.erase(task->run.id.sequence) == 1u);
      time -= task->counted;
    };
    const auto enter = [&](const HeldTaskPtr& task, std::uint8_t how) {
      backlog.enter(task, how, how % 2 == 0);
      RC_ASSERT(here.insert(task->run.id.sequence).second);
      time += how;
    };
    for (const auto& [step, argument] : steps) {
      const HeldTaskPtr one = tasks.empty() ? nullptr : tasks[argument % tasks.size()];
      switch (step % 8) {
        case 0:
        case 1:
          tasks.push_back(task_of(tasks.size() + 1, std::string(1, static_cast<char>('a' + argument % 3))));
          enter(tasks.back(), argument);
          break;
        case 2:  // taken back from an executor, or tried again
          if (one && HeldTask::may_move(one->place(), Place::kBacklog)) enter(one, step);
          break;
        case 3:
          if (one) backlog.want(one);
          break;
        case 4:
          if (const HeldTaskPtr task = backlog.take_wanted()) {
            backlog.leave(*task, Place::kHanded);
            left(task);
          }
          break;
        case 5:
          if (one && one->place() == Place::kBacklog) {
            backlog.leave(*one, argument % 2 == 0 ? Place::kEnded : Place::kStored);
            left(one);
          }
          break;
        case 6:
          if (Backlog::Lane* lane = backlog.next_lane(argument, 100, any, none_held)) {
            const HeldTaskPtr task = Backlog::head(*lane);
            backlog.leave(*task, Place::kHanded);
            left(task);
          }
          break;
        default:
          backlog.drop_empty_lanes();
          if (argument % 4 != 0) break;
          for (const Backlog::Lane* lane : backlog.lanes_of("a")) {
            for (const HeldTaskPtr& task : Backlog::tasks_of(*lane)) {
              if (task->place() != Place::kBacklog) continue;  // it stood there twice
              backlog.leave(*task, Place::kHanded);
              left(task);
            }
          }
      }
      RC_ASSERT(backlog.size() == here.size());
      RC_ASSERT(backlog.time() == time);
    }
    while (Backlog::Lane* lane = backlog.next_lane(0, kNever, any, none_held)) {
      const HeldTaskPtr task = Backlog::head(*lane);
      backlog.leave(*task, Place::kHanded);
      left(task);
    }
    RC_ASSERT(here.empty());
    RC_ASSERT(backlog.take_wanted() == nullptr);
  }));
}

}  // namespace
}  // namespace morrow::worker
