// SPDX-License-Identifier: Apache-2.0
// Programs that do not start, processes that end before their task began, and how failed tasks are tried again.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "wire/messages.pb.h"
#include "worker/brain/program_starts.h"

namespace morrow::test {
namespace {

using control::FailureKind;
using control::Resources;
using control::Status;
using Kind = Step::Kind;

Machine::Setup machine_of(unsigned cpus) {
  Machine::Setup setup;
  setup.total = Resources{cpus * 1'000'000u, 1u << 30, 0, {}};
  return setup;
}

Step works_for(Time time) { return {Kind::kWork, time, {}, {}, {}, {}}; }
Step ends_with(std::string value) { return {Kind::kReturn, 0, {}, {}, {}, std::move(value)}; }
Step dies() { return {Kind::kCrash, 0, {}, {}, {}, {}}; }
void once(control::Spec& spec) { spec.max_retries = 0; }

wire::Failure failure_of(const Machine& machine, FutureId id) {
  wire::Failure failure;
  EXPECT_TRUE(failure.ParseFromString(machine.outcome(id)->bytes));
  return failure;
}

// ---- programs that do not start ----

TEST(Starts, OneThatFailsOnceFailsNoFutureEvenWithoutRetries) {
  Machine machine(machine_of(4));
  int failures = 0;
  machine.start_fails = [&failures] { return failures++ == 0; };
  std::vector<FutureId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(machine.submit("task", Machine::one_cpu(), once));
  for (const FutureId id : ids) {
    ASSERT_TRUE(machine.run_until(id, 10 * kSecond));
    EXPECT_TRUE(machine.outcome(id)->ok());
  }
}

TEST(Starts, AProgramThatNeverStartsIsTriedSomeTimesAndFailsAllThatWaitWithItsReason) {
  Machine machine(machine_of(2));
  machine.start_fails = [] { return true; };
  std::vector<FutureId> ids;
  for (int i = 0; i < 1'000; ++i) ids.push_back(machine.submit("task"));
  for (const FutureId id : ids) {
    ASSERT_TRUE(machine.run_until(id, 30 * kSecond));
    EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kProgram);
  }
  EXPECT_EQ(failure_of(machine, ids[0]).message(), "libfoo.so.1 is missing");
  EXPECT_GE(machine.started_executors, 3u);
  EXPECT_LE(machine.started_executors, 12u) << "each try starts one, but for the first";
}

TEST(Starts, AProgramThatIsMendedRunsAtTheNextTry) {
  Machine machine(machine_of(2));
  bool broken = true;
  machine.start_fails = [&broken] { return broken; };
  const FutureId first = machine.submit("task");
  ASSERT_TRUE(machine.run_until(first, 30 * kSecond));
  EXPECT_FALSE(machine.outcome(first)->ok());
  broken = false;
  machine.run(60 * kSecond);
  const FutureId second = machine.submit("task");
  ASSERT_TRUE(machine.run_until(second, kSecond));
  EXPECT_TRUE(machine.outcome(second)->ok());
  EXPECT_TRUE(control::workers(machine.store()).front().info.cannot_start.empty());
}

TEST(Starts, AProgramThatCannotStartHereIsPublishedAndItsFuturesAreLeftToOthers) {
  Machine machine(machine_of(2));
  machine.start_fails = [] { return true; };
  machine.see_other(Resources{2'000'000, 1u << 30, 0, {}});
  for (int i = 0; i < 50; ++i) machine.submit("task");
  machine.run(10 * kSecond);
  EXPECT_EQ(machine.count().futures[Status::kReady] + machine.count().futures[Status::kClaimed], 50u);
  EXPECT_LE(machine.count().futures[Status::kClaimed], 1u) << "but for one to try it with";
  const auto workers = control::workers(machine.store());
  ASSERT_EQ(workers.front().info.cannot_start.size(), 1u);
  EXPECT_EQ(workers.front().info.cannot_start.front().reason, "libfoo.so.1 is missing");
}

TEST(Starts, FuturesFailWhenAllWorkersThatFitHaveGivenUpWithTheReasonOfEach) {
  Machine machine(machine_of(2));
  machine.start_fails = [] { return true; };
  machine.see_other(Resources{2'000'000, 1u << 30, 0, {}});
  std::vector<FutureId> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(machine.submit("task"));
  machine.run(10 * kSecond);
  machine.see_other(Resources{2'000'000, 1u << 30, 0, {}}, "its folder can't be written");
  for (const FutureId id : ids) {
    ASSERT_TRUE(machine.run_until(id, 60 * kSecond));
    ASSERT_EQ(machine.outcome(id)->failure, FailureKind::kProgram);
  }
  const std::string message = failure_of(machine, ids[7]).message();
  EXPECT_NE(message.find("worker one: libfoo.so.1 is missing"), std::string::npos) << message;
  EXPECT_NE(message.find("worker two: its folder can't be written"), std::string::npos) << message;
}

TEST(Starts, AWorkerThatIsTooSmallIsNotWaitedFor) {
  Machine machine(machine_of(2));
  machine.start_fails = [] { return true; };
  machine.see_other(Resources{1'000'000, 1u << 30, 0, {}});
  const FutureId large = machine.submit("task", Resources{2'000'000, 0, 0, {}});
  ASSERT_TRUE(machine.run_until(large, 30 * kSecond));
  EXPECT_EQ(machine.outcome(large)->failure, FailureKind::kProgram);
}

TEST(Starts, OfSeveralFailuresThatComeTogetherOneCounts) {
  worker::ProgramStarts starts;
  worker::RandomIds random(1);
  for (int i = 0; i < 10; ++i) starts.note_failure(kSecond, "p", "it is ill", random);
  EXPECT_EQ(starts.given_up("p"), nullptr);
  EXPECT_FALSE(starts.may_start("p"));
  ASSERT_TRUE(starts.next_trial().has_value());
  EXPECT_LE(*starts.next_trial(), kSecond + 125 * kMillisecond);
  EXPECT_TRUE(starts.begin_trials(*starts.next_trial()));
  EXPECT_TRUE(starts.may_start("p"));
  starts.note_start("p");
  EXPECT_FALSE(starts.may_start("p")) << "one, to try";
  starts.note_runs("p");
  EXPECT_TRUE(starts.may_start("p"));
}

TEST(Starts, FailuresThatLieFarApartAreNotOneThatLasts) {
  worker::ProgramStarts starts;
  worker::RandomIds random(1);
  for (Time now = kSecond; now < 100'000 * kSecond; now += 1'000 * kSecond) {
    starts.begin_trials(now);
    starts.note_failure(now, "p", "it was killed", random);
    EXPECT_EQ(starts.given_up("p"), nullptr);
  }
}

// ---- attempts ----

TEST(Attempts, AProcessThatEndsBeforeItTakesItsTaskCostsNoAttempt) {
  Machine machine(machine_of(4));
  int deaths = 4;
  machine.dies_at_once = [&deaths] { return deaths-- > 0; };
  std::vector<FutureId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(machine.submit("task", Machine::one_cpu(), once));
  for (const FutureId id : ids) {
    ASSERT_TRUE(machine.run_until(id, 10 * kSecond));
    EXPECT_TRUE(machine.outcome(id)->ok());
  }
}

TEST(Starts, AProgramThatRunsALongTaskIsNotGivenUpHoweverManyStartsFailMeanwhile) {
  Machine machine(machine_of(2));
  machine.script("long", {works_for(30 * kSecond), ends_with("long")});
  const FutureId runs = machine.submit("long");
  machine.run(2 * kSecond);
  bool fails = true;
  machine.start_fails = [&fails] { return fails; };
  const FutureId waits = machine.submit("task");
  machine.run(20 * kSecond);
  EXPECT_EQ(machine.outcome(waits), nullptr);
  fails = false;
  for (const FutureId id : {runs, waits}) {
    ASSERT_TRUE(machine.run_until(id, 60 * kSecond));
    EXPECT_TRUE(machine.outcome(id)->ok());
  }
}

TEST(Starts, AProgramWhoseTasksCrashIsNotGivenUpWhenEverySecondStartFails) {
  Machine machine(machine_of(1));
  int starts = 0;
  machine.start_fails = [&starts] { return starts++ % 2 == 0; };
  machine.script("crashes", {works_for(kSecond / 2), dies()});
  const FutureId id = machine.submit("crashes", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 10; });
  ASSERT_TRUE(machine.run_until(id, 600 * kSecond));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kPoisoned);
}

TEST(Attempts, AProgramWhoseProcessesAllEndBeforeTheirTaskFailsInTheEnd) {
  Machine machine(machine_of(2));
  machine.dies_at_once = [] { return true; };
  const FutureId id = machine.submit("task");
  ASSERT_TRUE(machine.run_until(id, 60 * kSecond));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kProgram);
  EXPECT_LE(machine.started_executors, 20u);
}

TEST(Attempts, AFutureThatCrashesIsRunExactlyOnceMoreThanItsRetries) {
  Machine machine(machine_of(1));
  machine.script("crashes", {works_for(kMillisecond), dies()});
  for (const std::uint32_t retries : {0u, 1u, 4u}) {
    machine.started.clear();
    const FutureId id =
        machine.submit("crashes", Machine::one_cpu(), [&](control::Spec& spec) { spec.max_retries = retries; });
    ASSERT_TRUE(machine.run_until(id, 60 * kSecond));
    EXPECT_EQ(machine.started.size(), retries + 1);
    EXPECT_EQ(machine.outcome(id)->failure, retries == 0 ? FailureKind::kCrash : FailureKind::kPoisoned);
    EXPECT_EQ(failure_of(machine, id).earlier_size(), static_cast<int>(retries));
  }
}

TEST(Attempts, ACrashLoopWaitsLongerAndLongerAndHoldsNoCpuMeanwhile) {
  Machine machine(machine_of(1));
  machine.script("crashes", {works_for(kMillisecond), dies()});
  machine.script("good", {works_for(kMillisecond), ends_with("g")});
  const Time before = machine.now();
  const FutureId bad = machine.submit("crashes", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 6; });
  machine.run(500 * kMillisecond);
  const FutureId good = machine.submit("good");
  ASSERT_TRUE(machine.run_until(good, 100 * kMillisecond)) << "the one cpu is free while the other one waits";
  ASSERT_TRUE(machine.run_until(bad, 60 * kSecond));
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "crashes"), 7);
  EXPECT_GE(machine.now() - before, 4 * kSecond) << "0.1 + 0.2 + 0.4 + 0.8 + 1.6 + 3.2 s, less a quarter";
}

TEST(Attempts, AFutureThatIsCancelledWhileItWaitsForItsRetryIsNotRunAgain) {
  Machine machine(machine_of(1));
  machine.script("crashes", {works_for(kMillisecond), dies()});
  const FutureId id = machine.submit("crashes");
  machine.run(60 * kMillisecond);
  ASSERT_EQ(machine.started.size(), 1u);
  machine.cancel(id);
  ASSERT_TRUE(machine.run_until(id, kSecond));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kCancelled);
  machine.run(10 * kSecond);
  EXPECT_EQ(machine.started.size(), 1u);
}

TEST(Attempts, AWorkerThatStopsGivesBackWhatWaitsForItsRetry) {
  Machine machine(machine_of(1));
  machine.script("crashes", {works_for(kMillisecond), dies()});
  machine.submit("crashes");
  machine.run(60 * kMillisecond);
  machine.brain().stop(machine.now());
  machine.run(kSecond);
  EXPECT_TRUE(machine.brain().drained());
  EXPECT_EQ(machine.count().futures[Status::kReady], 1u);
}

TEST(Attempts, AWorkerThatStopsGivesBackWhatMayRunOnceOnlyIfItHasNotBegun) {
  Machine machine(machine_of(1));
  machine.script("long", {works_for(60 * kSecond), ends_with("x")});
  std::vector<FutureId> all;
  for (int i = 0; i < 3; ++i) all.push_back(machine.submit("long", Machine::one_cpu(), once));
  machine.run(100 * kMillisecond);
  ASSERT_EQ(machine.started.size(), 1u);
  machine.brain().stop(machine.now());
  machine.run(kSecond);
  EXPECT_TRUE(machine.brain().drained());
  const auto counts = machine.count().futures;
  EXPECT_EQ(counts.at(Status::kReady), 2u);
  EXPECT_EQ(counts.at(Status::kFailed), 1u);
}

TEST(Attempts, WhatMayRunOnceAndHasBegunIsNeverGivenBackWheneverItsWorkerStops) {
  constexpr Time kStep = 2'000;
  std::size_t gave_back = 0;
  std::size_t kept = 0;
  for (Time stops = 0; stops < 2 * kMillisecond; stops += kStep) {
    Machine machine(machine_of(1));
    machine.script("brief", {works_for(kMillisecond / 2), ends_with("x")});
    machine.submit("brief", Machine::one_cpu(), once);
    machine.run(stops);
    machine.brain().stop(machine.now());
    machine.run(kSecond);
    const auto counts = machine.count().futures;
    const bool ready = counts.contains(Status::kReady) && counts.at(Status::kReady) != 0;
    ASSERT_TRUE(machine.started.empty() || !ready) << "stopped after " << stops << " ns";
    ++(ready ? gave_back : kept);
  }
  EXPECT_GT(gave_back, 0u);
  EXPECT_GT(kept, 0u);
}

TEST(Attempts, WhatMayRunOnceAndIsKilledForAnotherTaskIsNotRunAgain) {
  Machine::Setup setup = machine_of(1);
  setup.knobs.executor_cap = 1;  // so the child runs in the process of its parent
  Machine machine(setup);
  machine.script("parent",
                 {{Kind::kSubmit, 0, "child", {}, {}, {}}, {Kind::kAwait, 0, {}, {}, {}, {}}, ends_with("p")});
  machine.script("child", {works_for(10 * kSecond), ends_with("c")});
  const FutureId id = machine.submit("parent", Machine::one_cpu(), once);
  machine.run(kSecond);
  ASSERT_EQ(machine.most_nested, 2u);
  ASSERT_TRUE(machine.crash("child"));
  machine.run(60 * kSecond);
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "parent"), 1);
  machine.await(id);
  ASSERT_TRUE(machine.run_until(id, kSecond));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kCrash);
}

TEST(Attempts, TheStartOfTheProgramIsNotTheTasksTime) {
  Machine machine(machine_of(1));
  int failures = 0;
  machine.start_fails = [&failures] { return failures++ < 3; };
  const FutureId id =
      machine.submit("task", Machine::one_cpu(), [](control::Spec& spec) { spec.timeout_ns = kMillisecond / 10; });
  ASSERT_TRUE(machine.run_until(id, 10 * kSecond));
  EXPECT_TRUE(machine.outcome(id)->ok());
}

TEST(Attempts, TimeoutsAreRetriedOnlyWhenAsked) {
  Machine machine(machine_of(1));
  machine.script("slow", {works_for(10 * kSecond), ends_with("s")});
  for (const bool retried : {false, true}) {
    machine.started.clear();
    const FutureId id = machine.submit("slow", Machine::one_cpu(), [&](control::Spec& spec) {
      spec.timeout_ns = 100 * kMillisecond;
      spec.max_retries = 2;
      spec.retry_timeouts = retried;
    });
    ASSERT_TRUE(machine.run_until(id, 30 * kSecond));
    EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kTimeout);
    EXPECT_EQ(machine.started.size(), retried ? 3u : 1u);
  }
}

}  // namespace
}  // namespace morrow::test
