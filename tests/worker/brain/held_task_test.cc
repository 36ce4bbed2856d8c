// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/held_task.h"

#include <gtest/gtest.h>

#include "tests/base/expect_abort.h"
#include "tests/worker/brain/task_of.h"
#include "worker/brain/task_table.h"

namespace morrow::worker {
namespace {

using Place = HeldTask::Place;

TEST(HeldTask, ATaskThatIsDroppedStaysSo) {
  for (const Place next : {Place::kStored, Place::kBacklog, Place::kHanded, Place::kEnded, Place::kPaused})
    EXPECT_FALSE(HeldTask::may_move(Place::kDropped, next));
  EXPECT_TRUE(HeldTask::may_move(Place::kDropped, Place::kDropped));
}

TEST(HeldTask, OnlyFromTheBacklogATaskGoesToAnExecutor) {
  EXPECT_TRUE(HeldTask::may_move(Place::kBacklog, Place::kHanded));
  for (const Place from : {Place::kStored, Place::kHanded, Place::kEnded, Place::kPaused, Place::kDropped})
    EXPECT_FALSE(HeldTask::may_move(from, Place::kHanded));
}

TEST(HeldTask, AnEndedTaskRunsAgainThroughTheBacklogAlone) {
  EXPECT_TRUE(HeldTask::may_move(Place::kEnded, Place::kBacklog));
  EXPECT_TRUE(HeldTask::may_move(Place::kEnded, Place::kPaused));
  EXPECT_TRUE(HeldTask::may_move(Place::kPaused, Place::kBacklog));
  EXPECT_FALSE(HeldTask::may_move(Place::kEnded, Place::kStored));
  EXPECT_FALSE(HeldTask::may_move(Place::kEnded, Place::kEnded));
}

TEST(HeldTaskDeathTest, AStepThatIsNoArrowEndsTheProcess) {
  const HeldTaskPtr task = task_of(1);
  EXPECT_ABORT(task->move_to(Place::kHanded), "a task goes from place to place along an arrow");
}

TEST(TaskTable, ATaskIsFoundByFutureAndWhileAnExecutorHasItByClaim) {
  TaskTable tasks;
  const HeldTaskPtr task = task_of(7);
  tasks.add(task);
  EXPECT_EQ(tasks.find({1, 7}), task);
  EXPECT_EQ(tasks.with_claim(7), nullptr);
  tasks.add_claim(task);
  EXPECT_EQ(tasks.with_claim(7), task);
  tasks.end_claim(7);
  EXPECT_EQ(tasks.with_claim(7), nullptr);
  EXPECT_EQ(tasks.find({1, 7}), task);
}

TEST(TaskTable, ForgettingATaskLeavesTheOneThatTookItsPlace) {
  TaskTable tasks;
  const HeldTaskPtr first = task_of(7);
  const HeldTaskPtr second = task_of(7);
  second->run.claim = 8;
  tasks.add(first);
  tasks.add_claim(first);
  tasks.add(second);
  tasks.add_claim(second);
  tasks.forget(first);
  EXPECT_EQ(tasks.find({1, 7}), second);
  EXPECT_EQ(tasks.with_claim(7), nullptr);
  EXPECT_EQ(tasks.with_claim(8), second);
  tasks.forget(second);
  EXPECT_TRUE(tasks.empty());
}

}  // namespace
}  // namespace morrow::worker
