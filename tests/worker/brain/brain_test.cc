// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

using control::FailureKind;
using control::Resources;
using Kind = Step::Kind;

Machine::Setup slots(unsigned cpus, std::uint32_t cap = 256) {
  Machine::Setup setup;
  setup.total = Resources{cpus * 1'000'000u, 1u << 30, 0, {}};
  setup.knobs.executor_cap = cap;
  return setup;
}

std::size_t submits_in(const control::Round& round) {
  return static_cast<std::size_t>(std::count_if(round.ops.begin(), round.ops.end(), [](const auto& op) {
    return std::holds_alternative<control::op::Submit>(op);
  }));
}

/// fib(n) by nested submits and gets, as scripts named "fib:n".
Script fib(const std::string& name) {
  const int n = std::stoi(name.substr(4));
  if (n < 2) return {work(2'000), gives("1")};
  return {submit("fib:" + std::to_string(n - 1)), submit("fib:" + std::to_string(n - 2)), await({0}), await({1}),
          gives("sum")};
}

TEST(Brain, AShortLocalFutureIsOneRecordInOneCommit) {
  Machine machine(slots(1));
  machine.script("short", {work(10'000), gives("7")});
  machine.run_until(machine.submit("short"));  // the executor starts here
  machine.rounds.clear();
  machine.records = 0;
  const FutureId id = machine.submit("short");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(machine.outcome(id)->bytes, "7");
  EXPECT_EQ(machine.rounds.size(), 1u);
  EXPECT_EQ(machine.records, 1u);
}

TEST(Brain, ATaskThatWantsAFreshProcessGetsNoneThatIsIdle) {
  Machine machine(slots(1));
  machine.script("short", {work(10'000), gives("7")});
  ASSERT_TRUE(machine.run_until(machine.submit("short")));
  ASSERT_TRUE(machine.run_until(machine.submit("short")));
  EXPECT_EQ(machine.started_executors, 1U);
  const auto fresh = [](control::Spec& spec) { spec.fresh_process = true; };
  ASSERT_TRUE(machine.run_until(machine.submit("short", Machine::one_cpu(), fresh)));
  EXPECT_EQ(machine.started_executors, 2U);
}

TEST(Brain, NothingIsDeliveredBeforeItsCommit) {
  auto setup = slots(1);
  setup.commit_takes = 50 * kMs;
  Machine machine(setup);
  machine.script("short", {gives("7")});
  const FutureId id = machine.submit("short");
  machine.await(id);
  machine.run(100 * kMs);  // the session's own round is 50 ms
  const auto rounds_before = machine.rounds.size();
  EXPECT_GE(rounds_before, 1u);
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_GE(machine.acked, 1u);
}

TEST(Brain, BriefTasksOnTwoExecutorsAreWrittenOnceThoughTheyEndOutOfOrder) {
  Machine machine(slots(2));
  machine.script("brief", {work(10'000), gives("x")});
  for (int i = 0; i < 4; ++i) machine.run_until(machine.submit("brief"));  // the executors start, the brain learns
  machine.records = 0;
  std::vector<FutureId> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(machine.submit("brief"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(machine.records, 500u);
}

TEST(Brain, AnEndDoesNotWaitForALongTaskBeforeIt) {
  Machine machine(slots(2));
  machine.script("brief", {work(10'000), gives("x")});
  machine.script("long", {work(5'000 * kMs), gives("y")});
  machine.run_until(machine.submit("brief"));
  machine.submit("long");
  const Time start = machine.now();
  const FutureId id = machine.submit("brief");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_LT(machine.now() - start, 10 * kMs);  // virtual time
}

TEST(Brain, AnEndDoesNotWaitForABriefTaskThatTurnsOutLong) {
  Machine machine(slots(2));
  int calls = 0;
  machine.script_maker([&calls](const std::string&) -> Script {
    // The third call runs for seconds against all experience.
    return {work(++calls == 3 ? 5'000 * kMs : 10'000), gives("x")};
  });
  for (int i = 0; i < 2; ++i) machine.run_until(machine.submit("same"));
  machine.submit("same");
  const Time start = machine.now();
  const FutureId id = machine.submit("same");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_LT(machine.now() - start, 20 * kMs);  // virtual time
}

TEST(Brain, ALongTaskIsCommittedAsClaimedWhileItRuns) {
  Machine machine(slots(1));
  machine.script("long", {work(3'000 * kMs), gives("x")});
  machine.submit("long");
  machine.run(1'000 * kMs);
  EXPECT_EQ(machine.count().futures[control::Status::kClaimed], 1u);
  EXPECT_EQ(machine.acked, 1u);
}

TEST(Brain, WhatDoesNotFitTheNextTenMillisecondsGoesToTheIndex) {
  Machine machine(slots(1));
  machine.script("long", {work(200 * kMs), gives("x")});
  std::vector<FutureId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(machine.submit("long"));
  machine.run(150 * kMs);
  EXPECT_GE(machine.count().futures[control::Status::kReady], 15u);
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
}

TEST(Brain, ABurstOfDependentTasksIsSharedWithAnIdleWorker) {
  Machine machine(slots(2));
  machine.script("first", {gives("1")});
  machine.script("long", {work(1'000 * kMs), gives("2")});
  const FutureId first = machine.submit("first");
  ASSERT_TRUE(machine.run_until(first));
  control::WorkerSeen other;
  other.info.incarnation = 4711;
  other.info.total.cpu_micro = 2'000'000;
  other.idle = true;
  machine.brain().workers_seen(machine.now(), {other});
  for (int i = 0; i < 24; ++i)
    machine.submit("long", Machine::one_cpu(), [&](control::Spec& spec) { spec.dependencies = {first}; });
  machine.run(500 * kMs);
  EXPECT_EQ(machine.running_now, 2u);
  EXPECT_GE(machine.count().futures[control::Status::kReady], 20u);  // for anybody to take
}

TEST(Brain, WorkInTheIndexIsTakenAsSoonAsASlotIsFree) {
  Machine machine(slots(2));
  machine.script("some", {work(15 * kMs), gives("x")});
  const Time start = machine.now();
  std::vector<FutureId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(machine.submit("some"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
  EXPECT_LT(machine.now() - start, 100 / 2 * 15 * kMs * 5 / 4);  // virtual time
}

TEST(Brain, RecursionGoesDepthFirstOnOneSlot) {
  Machine machine(slots(1));
  machine.script_maker(fib);
  const FutureId id = machine.submit("fib:12");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_TRUE(machine.outcome(id)->ok());
  EXPECT_LE(machine.most_executors, 26u);
  EXPECT_EQ(machine.ended.size(), 465u);  // 2 fib(13) - 1 calls, each once
}

TEST(Brain, RecursionCompletesWithTheCapAtFour) {
  Machine machine(slots(1, 4));
  machine.script_maker(fib);
  const FutureId id = machine.submit("fib:12");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_LE(machine.most_executors, 4u);
  EXPECT_GT(machine.most_nested, 1u);
  EXPECT_EQ(machine.ended.size(), 465u);
}

TEST(Brain, AChainOfNestedAwaitsCompletesAtTheCap) {
  Machine machine(slots(1, 8));
  machine.script_maker([](const std::string& name) -> Script {
    const int n = std::stoi(name.substr(6));
    if (n == 0) return {gives("end")};
    return {submit("chain:" + std::to_string(n - 1)), await(), gives("up")};
  });
  const FutureId id = machine.submit("chain:500");
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_LE(machine.most_executors, 8u);
}

TEST(Brain, AtTheCapWhatATaskNeedsRunsOnTopOfItAndOfNoOther) {
  Machine machine(slots(1, 1));
  // When the second one stands on top, what the first one needs awaits the second: on top of it, it would be for ever.
  machine.script("first",
                 {submit("second"), submit("third"), submit_after("fourth", {"third"}), await({2, 0}), gives("1")});
  machine.script("second", {submit("fifth"), submit_after("sixth", {"fifth"}), await({1}), gives("2")});
  machine.script("third", {await_of({"second"}), gives("3")});
  EXPECT_TRUE(machine.run_until(machine.submit("first"), 60'000 * kMs));
  EXPECT_EQ(machine.most_executors, 1u);
}

TEST(Brain, AtTheCapATaskThatOneBelowAwaitsRunsForTheOneOnTop) {
  Machine machine(slots(1, 1));
  // Both need the first child: the one below by itself, the one on top through what it awaits.
  machine.script("below", {submit("needed"), submit("top"), await({1, 0}), gives("1")});
  machine.script("top", {submit_after("awaited", {"needed"}), await({0}), gives("2")});
  EXPECT_TRUE(machine.run_until(machine.submit("below"), 60'000 * kMs));
  EXPECT_EQ(machine.most_executors, 1u);
}

/// One without devices must see none, and one with devices needs a process that sees its own: neither is a guest.
TEST(Brain, AtTheCapNoTaskRunsOnTopOfOneThatSeesOtherDevices) {
  const Resources gpu{1'000'000, 0, 1'000'000, {}};
  for (const bool parent_has : {true, false}) {
    auto setup = slots(1, 1);
    setup.total.gpu_micro = 1'000'000;
    Machine machine(setup);
    machine.script("child", {work(kMs), gives("c")});
    machine.script("parent", {submit("child", parent_has ? Machine::one_cpu() : gpu), await(), gives("p")});
    ASSERT_TRUE(machine.run_until(machine.submit("parent", parent_has ? gpu : Machine::one_cpu()), 60'000 * kMs));
    EXPECT_EQ(machine.most_nested, 1u);
    EXPECT_EQ(machine.most_executors, 2u);
  }
}

TEST(Brain, ManyWaitersOfAnotherShapeNeverNeedMoreProcessesThanTheCap) {
  auto setup = slots(1, 8);
  setup.total.named_micro["disk"] = 1'000'000;
  Machine machine(setup);
  machine.script("child", {work(kMs), gives("c")});
  machine.script("parent", {submit("child", Resources{1'000'000, 0, 0, {{"disk", 1'000'000}}}), await(), gives("p")});
  std::vector<FutureId> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(machine.submit("parent"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
  EXPECT_LE(machine.most_executors, 8u);
}

TEST(Brain, AnAwaitLendsTheSlotAndKeepsTheProcess) {
  Machine machine(slots(1));
  machine.script("child", {work(kMs), gives("c")});
  machine.script("parent", {submit("child"), await(), gives("p")});
  ASSERT_TRUE(machine.run_until(machine.submit("parent")));
  EXPECT_EQ(machine.most_executors, 2u);
  EXPECT_EQ(machine.most_running, 1u);
}

TEST(Brain, AParentWhoseChildIsDoneDoesNotWaitForALongStranger) {
  Machine machine(slots(1));
  machine.script("stranger", {work(60'000 * kMs), gives("s")});
  machine.script("child", {work(20 * kMs), gives("c")});
  machine.script("parent", {submit("child"), await(), gives("p")});
  const FutureId parent = machine.submit("parent");
  machine.run(2 * kMs);
  machine.submit("stranger");
  ASSERT_TRUE(machine.run_until(parent, 1'000 * kMs));
}

TEST(Brain, TheOversubscriptionIsBounded) {
  Machine machine(slots(1));
  machine.script("child", {work(kMs), gives("c")});
  machine.script("parent", {submit("child"), await(), work(50 * kMs), gives("p")});
  std::vector<FutureId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(machine.submit("parent"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
  EXPECT_LE(machine.most_running, 3u);
}

TEST(Brain, ShortTasksAreHandedAheadAndUnknownOnesAreNot) {
  Machine machine(slots(1));
  machine.script("tiny", {work(5'000), gives("t")});
  std::vector<FutureId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(machine.submit("tiny"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(machine.most_executors, 1u);
  EXPECT_LE(machine.rounds.size(), 40u);
}

TEST(Brain, WhatWasHandedAheadIsTakenBackFromATaskThatTurnsOutLong) {
  Machine machine(slots(2));
  machine.script("tiny", {work(20'000), gives("t")});
  for (int i = 0; i < 40; ++i) machine.submit("tiny");
  machine.run(100 * kMs);
  machine.script("tiny", {work(2'000 * kMs), gives("long this time")});
  machine.submit("tiny");
  machine.run(kMs);
  machine.script("tiny", {work(20'000), gives("t")});
  std::vector<FutureId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(machine.submit("tiny"));
  for (const FutureId id : ids) ASSERT_TRUE(machine.run_until(id, 500 * kMs));
}

TEST(Brain, ResentSubmitsAreCommittedBeforeTheyRunWithTheTryCounted) {
  Machine machine(slots(1));
  machine.script("again", {gives("a")});
  machine.run(10 * kMs);
  machine.rounds.clear();
  const FutureId id = machine.submit("again", Machine::one_cpu(), {}, true);
  ASSERT_TRUE(machine.run_until(id));
  const auto first = std::find_if(machine.rounds.begin(), machine.rounds.end(),
                                  [](const auto& round) { return submits_in(round) > 0; });
  ASSERT_NE(first, machine.rounds.end());
  const auto& submit =
      std::get<control::op::Submit>(*std::find_if(first->ops.begin(), first->ops.end(), [](const auto& op) {
        return std::holds_alternative<control::op::Submit>(op);
      }));
  EXPECT_NE(submit.how, control::op::Submit::How::kEnded);
  EXPECT_EQ(submit.tries, 1u);
}

TEST(Brain, ACrashIsRetriedAndThenFailsTheFutureAlone) {
  Machine machine(slots(1));
  machine.script("bad", {work(kMs), crashes()});
  machine.script("good", {work(kMs), gives("g")});
  const FutureId bad = machine.submit("bad", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 2; });
  const FutureId good = machine.submit("good");
  ASSERT_TRUE(machine.run_until(bad));
  ASSERT_TRUE(machine.run_until(good));
  EXPECT_EQ(machine.outcome(bad)->failure, FailureKind::kPoisoned);
  EXPECT_TRUE(machine.outcome(good)->ok());
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "bad"), 3);
}

TEST(Brain, ATaskThatFoundNoRoomSinceOthersHeldItIsTriedAgain) {
  Machine machine(slots(1));
  machine.script("contended", {work(kMs), no_room()});
  const FutureId id =
      machine.submit("contended", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 2; });
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kNoRoom);
  EXPECT_EQ(machine.started.size(), 3U);
}

TEST(Brain, AWaitingTaskHoldsNoLargeValuesBeforeItGoesOn) {
  Machine machine(slots(1));
  std::vector<Step> parent;
  for (int i = 1; i <= 3; ++i) {
    machine.script("large" + std::to_string(i), {work(i * 100 * kMs), gives_large()});
    parent.push_back(submit("large" + std::to_string(i)));
  }
  parent.insert(parent.end(), {await(), work(kMs), gives("p")});
  machine.script("parent", parent);
  ASSERT_TRUE(machine.run_until(machine.submit("parent")));
  ASSERT_EQ(machine.large_came.size(), 3U);
  EXPECT_EQ(machine.large_came.front(), machine.large_came.back());
}

TEST(Brain, ExceptionsAreRetriedOnlyWhenAsked) {
  Machine machine(slots(1));
  machine.script("throws", {throws()});
  ASSERT_TRUE(machine.run_until(machine.submit("throws")));
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "throws"), 1);
  ASSERT_TRUE(machine.run_until(machine.submit("throws", Machine::one_cpu(), [](control::Spec& spec) {
    spec.retry_exceptions = true;
    spec.max_retries = 2;
  })));
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "throws"), 4);
}

TEST(Brain, WhatMayRunOnceAloneIsCommittedAsClaimedBeforeItRuns) {
  Machine machine(slots(1));
  machine.script("once", {work(1'000 * kMs), gives("x")});
  const FutureId id = machine.submit("once", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 0; });
  machine.run(kMs);  // less than what is not due lingers
  EXPECT_EQ(machine.started.size(), 1u);
  EXPECT_EQ(machine.count().futures[control::Status::kClaimed], 1u);
  ASSERT_TRUE(machine.run_until(id));
}

TEST(Brain, WhatIsSentAgainHasUsedOneOfItsTries) {
  Machine machine(slots(1));
  machine.script("dies", {crashes()});
  const FutureId id = machine.submit(
      "dies", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 2; }, true);
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "dies"), 2);
}

TEST(Brain, ADeathInANestedRunIsChargedToTheTopmostTaskAlone) {
  Machine machine(slots(1, 1));
  machine.script("child", {work(kMs), crashes()});
  machine.script("parent", {submit("child"), await(), gives("p")});
  const FutureId parent =
      machine.submit("parent", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 1; });
  machine.await(parent);
  machine.run(100 * kMs);
  EXPECT_GT(std::count(machine.started.begin(), machine.started.end(), "parent"), 2);
  machine.script("child", {work(kMs), gives("well")});
  ASSERT_TRUE(machine.run_until(parent));
  EXPECT_TRUE(machine.outcome(parent)->ok());
}

TEST(Brain, ATaskOverItsTimeoutFailsAndTheOthersGoOn) {
  Machine machine(slots(2));
  machine.script("slow", {work(10'000 * kMs), gives("s")});
  machine.script("good", {work(300 * kMs), gives("g")});
  const FutureId slow =
      machine.submit("slow", Machine::one_cpu(), [](control::Spec& spec) { spec.timeout_ns = 100 * kMs; });
  const FutureId good = machine.submit("good");
  ASSERT_TRUE(machine.run_until(slow, 2'000 * kMs));
  EXPECT_EQ(machine.outcome(slow)->failure, FailureKind::kTimeout);
  ASSERT_TRUE(machine.run_until(good));
  EXPECT_TRUE(machine.outcome(good)->ok());
}

TEST(Brain, ACancelEndsARunningTask) {
  Machine machine(slots(1));
  machine.script("slow", {work(10'000 * kMs), gives("s")});
  machine.script("good", {gives("g")});
  const FutureId slow = machine.submit("slow");
  machine.run(200 * kMs);
  machine.cancel(slow);
  ASSERT_TRUE(machine.run_until(slow, 1'000 * kMs));
  EXPECT_EQ(machine.outcome(slow)->failure, FailureKind::kCancelled);
  ASSERT_TRUE(machine.run_until(machine.submit("good"), 1'000 * kMs));
}

TEST(Brain, DependentsRunAfterTheirDependencyAndFailWithIt) {
  Machine machine(slots(1));
  machine.script("first", {work(kMs), gives("1")});
  machine.script("second", {gives("2")});
  machine.script("throws", {throws()});
  const FutureId first = machine.submit("first");
  const FutureId second =
      machine.submit("second", Machine::one_cpu(), [&](control::Spec& spec) { spec.dependencies = {first}; });
  ASSERT_TRUE(machine.run_until(second));
  EXPECT_TRUE(machine.outcome(second)->ok());
  EXPECT_EQ(machine.ended, (std::vector<std::string>{"first", "second"}));
  const FutureId bad = machine.submit("throws");
  const FutureId dependent =
      machine.submit("second", Machine::one_cpu(), [&](control::Spec& spec) { spec.dependencies = {bad}; });
  ASSERT_TRUE(machine.run_until(dependent));
  EXPECT_EQ(machine.outcome(dependent)->failure, FailureKind::kDependency);
  EXPECT_EQ(std::count(machine.started.begin(), machine.started.end(), "second"), 1);
}

TEST(Brain, AReleasedFutureIsAbsentForWhoAsksLater) {
  Machine machine(slots(1));
  machine.script("short", {gives("7")});
  const FutureId id = machine.submit("short");
  ASSERT_TRUE(machine.run_until(id));
  machine.release(id);
  machine.run(200 * kMs);
  machine.await(id);
  ASSERT_TRUE(machine.run_until(id));
  EXPECT_EQ(machine.outcome(id)->failure, FailureKind::kReleased);
  EXPECT_EQ(machine.count().futures.size(), 0u);
}

TEST(Brain, WhatNobodyCanRunIsSaidOnceAndFailsWhenAsked) {
  Machine machine(slots(1));
  const FutureId waits = machine.submit("big", Resources{64'000'000, 0, 0, {}});
  machine.submit("big", Resources{64'000'000, 0, 0, {}});
  ASSERT_EQ(machine.notices.size(), 1u);
  EXPECT_NE(machine.notices[0].find("64 cpus"), std::string::npos);
  EXPECT_NE(machine.notices[0].find("the largest, one, has 1 cpu"), std::string::npos);
  const FutureId fails = machine.submit("big", Resources{64'000'000, 0, 0, {}},
                                        [](control::Spec& spec) { spec.fail_if_unschedulable = true; });
  ASSERT_TRUE(machine.run_until(fails));
  EXPECT_EQ(machine.outcome(fails)->failure, FailureKind::kUnschedulable);
  EXPECT_FALSE(machine.run_until(waits, 3'000 * kMs));
}

TEST(Brain, ALargeTaskIsNotStarvedBySmallOnes) {
  Machine machine(slots(2));
  machine.script("small", {work(30 * kMs), gives("s")});
  machine.script("large", {work(30 * kMs), gives("l")});
  for (int i = 0; i < 200; ++i) machine.submit("small");
  const FutureId large = machine.submit("large", Resources{2'000'000, 0, 0, {}});
  for (int i = 0; i < 2000; ++i) machine.submit("small");
  ASSERT_TRUE(machine.run_until(large, 20'000 * kMs));
}

TEST(Brain, StoppingGivesBackAllThatRunsOrWaits) {
  Machine machine(slots(1));
  machine.script("long", {work(60'000 * kMs), gives("x")});
  for (int i = 0; i < 3; ++i) machine.submit("long");
  machine.run(100 * kMs);
  machine.brain().stop(machine.now());
  machine.run(1'000 * kMs);
  EXPECT_TRUE(machine.brain().drained());
  EXPECT_EQ(machine.count().futures[control::Status::kReady], 3u);
  EXPECT_EQ(machine.brain().executors(), 0u);
}

TEST(Brain, AtTheCapIdleProcessesTakeWhatStandsInTheIndex) {
  Machine machine(slots(2, 2));
  machine.script("input", {work(20 * kMs), gives("1")});
  machine.script("after", {gives("2")});
  const FutureId first = machine.submit("input");
  const FutureId second = machine.submit("input");
  const FutureId after = machine.submit("after", Machine::one_cpu(), [&](control::Spec& spec) {
    spec.dependencies = {first, second};
  });
  ASSERT_TRUE(machine.run_until(after, 20'000 * kMs));
  EXPECT_EQ(machine.outcome(after)->bytes, "2");
}

}  // namespace
}  // namespace morrow::test
