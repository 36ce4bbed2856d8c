// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/executor_states.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <vector>

#include "tests/base/expect_abort.h"
#include "tests/worker/brain/task_of.h"

namespace morrow::worker {
namespace {

bool any_executor(const ExecutorState&) { return true; }

HeldTaskPtr counted(std::uint64_t sequence, Time time) {
  HeldTaskPtr task = task_of(sequence);
  task->counted = time;
  return task;
}

void run(ExecutorState& executor, std::uint64_t sequence) {
  StackedTask stacked;
  stacked.task = task_of(sequence);
  executor.stack.push_back(std::move(stacked));
}

TEST(ExecutorStates, TheWarmestIdleOneOfAProgramIsTaken) {
  ExecutorStates table;
  const ExecutorId first = table.add("program", {}).id;
  const ExecutorId second = table.add("program", {}).id;
  const ExecutorId other = table.add("other", {}).id;
  table.add_idle(table.at(first), 1);
  table.add_idle(table.at(second), 2);
  table.add_idle(table.at(other), 3);
  EXPECT_EQ(table.take_idle("program", any_executor)->id, second);
  EXPECT_EQ(table.take_idle("program", any_executor)->id, first);
  EXPECT_EQ(table.take_idle("program", any_executor), nullptr);
  EXPECT_EQ(table.any_idle()->id, other);
}

TEST(ExecutorStates, OnlyASuitableOneIsTaken) {
  ExecutorStates table;
  table.add_idle(table.add("program", {0}), 1);
  table.add_idle(table.add("program", {}), 2);
  const auto with_device = [](const ExecutorState& executor) { return !executor.devices.empty(); };
  EXPECT_EQ(table.take_idle("program", with_device)->devices, std::vector<unsigned>{0});
  EXPECT_EQ(table.take_idle("program", with_device), nullptr);
  EXPECT_TRUE(table.has_idle());
}

TEST(ExecutorStates, AKilledOneIsIdleNoMore) {
  ExecutorStates table;
  ExecutorState& executor = table.add("program", {});
  table.add_idle(executor, 1);
  table.mark_killed(executor, nullptr);
  EXPECT_FALSE(table.has_idle());
  table.add_idle(executor, 2);
  EXPECT_FALSE(table.has_idle());
}

TEST(ExecutorStates, ThoseIdleForLongAreAllButTheOnesToKeep) {
  ExecutorStates table;
  std::vector<ExecutorId> ids;
  for (Time time = 1; time <= 4; ++time) {
    ExecutorState& executor = table.add("program", {});
    ids.push_back(executor.id);
    table.add_idle(executor, time);
  }
  table.add_idle(table.add("other", {}), 1);
  EXPECT_EQ(table.long_idle(100, 1, 97), (std::vector<ExecutorId>{ids[0], ids[1], ids[2]}));
  EXPECT_EQ(table.long_idle(100, 1, 98), (std::vector<ExecutorId>{ids[0], ids[1]}));
  EXPECT_EQ(table.long_idle(100, 4, 1), std::vector<ExecutorId>{});
}

TEST(ExecutorStates, AnExecutionIsFoundOnTheStackByItsClaim) {
  ExecutorStates table;
  ExecutorState& executor = table.add("program", {});
  run(executor, 1);
  run(executor, 2);
  EXPECT_EQ(table.find(executor.id, 1).task, &executor.stack[0]);
  EXPECT_EQ(table.find(executor.id, 3).task, nullptr);
  EXPECT_EQ(table.find(executor.id + 1, 1).executor, nullptr);
  EXPECT_TRUE(executor.runs(2));
  EXPECT_FALSE(executor.runs(1));
}

TEST(ExecutorStates, OneThatExitedIsKnownNowhere) {
  ExecutorStates table;
  ExecutorState& executor = table.add("program", {});
  const ExecutorId id = executor.id;
  run(executor, 1);
  table.queue(executor, counted(2, 5));
  EXPECT_EQ(table.take(id).queued.size(), 1u);
  EXPECT_EQ(table.find(id), nullptr);
  EXPECT_TRUE(table.with_queued().empty());
  EXPECT_EQ(table.size(), 0u);
}

TEST(ExecutorStates, OnlyThoseOfTheProgramThatDidNotStartAreTakenOut) {
  ExecutorStates table;
  table.add("program", {});
  table.add("program", {}).started = true;
  table.add("other", {});
  EXPECT_EQ(table.take_unstarted("program").size(), 1u);
  EXPECT_EQ(table.size(), 2u);
}

TEST(ExecutorStatesDeathTest, OneThatRunsSomethingIsNotIdle) {
  ExecutorStates table;
  ExecutorState& executor = table.add("program", {});
  run(executor, 1);
  EXPECT_ABORT(table.add_idle(executor, 1), "an idle executor has nothing to run");
}

TEST(ExecutorStates, TasksAheadAreCountedOnceAndInTheirOrder) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint8_t>& steps) {
    ExecutorStates table;
    ExecutorState& executor = table.add("program", {});
    run(executor, 1'000);
    std::deque<HeldTaskPtr> queued;
    Time time = 0;
    std::uint64_t sequence = 0;
    for (const std::uint8_t step : steps) {
      if (step % 4 < 2) {
        queued.push_back(counted(++sequence, step));
        time += step;
        table.queue(executor, queued.back());
      } else if (!queued.empty()) {
        const std::size_t index = step % 4 == 2 ? 0 : step % queued.size();
        const HeldTaskPtr task = queued[index];
        if (index == 0) {
          RC_ASSERT(table.take_first_queued(executor) == task);
        } else {
          RC_ASSERT(table.unqueue(executor, task));
        }
        RC_ASSERT(!table.unqueue(executor, task));
        queued.erase(queued.begin() + static_cast<std::ptrdiff_t>(index));
        time -= task->counted;
      }
      RC_ASSERT(executor.queued == queued);
      RC_ASSERT(executor.queued_time == time);
      RC_ASSERT(table.with_queued().contains(executor.id) == !queued.empty());
    }
  }));
}

}  // namespace
}  // namespace morrow::worker
