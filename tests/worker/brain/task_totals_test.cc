// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/task_totals.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

control::Outcome outcome(control::FailureKind kind) {
  control::Outcome outcome;
  outcome.failure = kind;
  return outcome;
}

TEST(TaskTotals, CountEachEndByItsKindAndTheTimeOfAllRuns) {
  TaskTotals totals;
  totals.note_run("a", 5);
  totals.note_end("a", outcome(control::FailureKind::kNone), false);
  totals.note_run("a", 7);
  totals.note_end("a", outcome(control::FailureKind::kException), true);
  totals.note_end("a", outcome(control::FailureKind::kCrash), false);
  totals.note_end("a", outcome(control::FailureKind::kCancelled), false);
  totals.note_end("b", outcome(control::FailureKind::kNone), false);
  const TaskTotals::Total& a = totals.all().at("a");
  EXPECT_EQ(a.finished, 1u);
  EXPECT_EQ(a.retried, 1u);
  EXPECT_EQ(a.failed, 1u);
  EXPECT_EQ(a.cancelled, 1u);
  EXPECT_EQ(a.runs, 2u);
  EXPECT_EQ(a.ran, 12u);
  EXPECT_EQ(totals.all().at("b").finished, 1u);
}

TEST(TaskTotals, OfVeryManyNamesAreBoundedAndLoseNoEnd) {
  TaskTotals totals;
  const std::size_t names = TaskTotals::kMostNames + 50;
  for (std::size_t i = 0; i < names; ++i)
    totals.note_end(std::to_string(i), outcome(control::FailureKind::kNone), false);
  EXPECT_EQ(totals.all().size(), TaskTotals::kMostNames + 1);
  EXPECT_EQ(totals.all().at(TaskTotals::kOthers).finished, 50u);
}

}  // namespace
}  // namespace morrow::worker
