// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

using control::FailureKind;
using control::Resources;

constexpr Time kWaitSecond = 1'000 * kMs;

Machine::Setup machine_of(Resources total) {
  Machine::Setup setup;
  setup.total = std::move(total);
  return setup;
}
Machine::Setup cpus(std::uint64_t count) { return machine_of({count * 1'000'000, 1 << 30, 0, {}}); }

bool is_deadlock(const Machine& machine, FutureId id) {
  const control::Outcome* outcome = machine.outcome(id);
  return outcome != nullptr && outcome->failure == FailureKind::kDeadlock;
}

TEST(Deadlocks, ATaskThatAwaitsItselfFailsWithinSeconds) {
  Machine machine(cpus(2));
  machine.script("self", {work(kMs), await_of({"self"}), gives("never")});
  const FutureId self = machine.submit("self");
  ASSERT_TRUE(machine.run_until(self, 3 * kWaitSecond));
  EXPECT_TRUE(is_deadlock(machine, self));
}

TEST(Deadlocks, TasksThatAwaitEachOtherFailAndOthersGoOn) {
  Machine machine(cpus(1));
  machine.script("a", {work(kMs), await_of({"b"}), gives("never")});
  machine.script("b", {work(kMs), await_of({"a"}), gives("never")});
  machine.script("good", {work(kMs), gives("g")});
  const FutureId a = machine.submit("a");
  const FutureId b = machine.submit("b");
  ASSERT_TRUE(machine.run_until(a, 3 * kWaitSecond));
  ASSERT_TRUE(machine.run_until(b, kWaitSecond));
  EXPECT_TRUE(is_deadlock(machine, a));
  EXPECT_TRUE(is_deadlock(machine, b));
  const FutureId good = machine.submit("good");
  ASSERT_TRUE(machine.run_until(good, kWaitSecond));
  EXPECT_TRUE(machine.outcome(good)->ok());
}

TEST(Deadlocks, ATaskThatAwaitsWhatDependsOnItFails) {
  Machine machine(cpus(2));
  machine.script("a", {submit_after("b", {"a"}), submit_after("c", {"b"}), await_of({"c"}), gives("never")});
  const FutureId a = machine.submit("a");
  ASSERT_TRUE(machine.run_until(a, 3 * kWaitSecond));
  EXPECT_TRUE(is_deadlock(machine, a));
}

TEST(Deadlocks, AWaitWithATimeoutIsNone) {
  Machine machine(cpus(1));
  Step timed = await_of({"b"});
  timed.has_timeout = true;
  machine.script("a", {work(kMs), timed, gives("never")});
  machine.script("b", {work(kMs), await_of({"a"}), gives("never")});
  const FutureId a = machine.submit("a");
  const FutureId b = machine.submit("b");
  EXPECT_FALSE(machine.run_until(a, 60 * kWaitSecond));
  EXPECT_EQ(machine.outcome(b), nullptr);
}

TEST(Deadlocks, AWaitForOneOfManyIsNoneWhileAnotherOneRuns) {
  Machine machine(cpus(2));
  Step either = await_of({"b", "slow"});
  either.kind = Step::Kind::kAwaitAny;
  either.need = 1;
  machine.script("a", {work(kMs), either, gives("a")});
  machine.script("b", {work(kMs), await_of({"a"}), gives("b")});
  machine.script("slow", {work(20 * kWaitSecond), gives("s")});
  machine.submit("slow");
  const FutureId a = machine.submit("a");
  const FutureId b = machine.submit("b");
  ASSERT_TRUE(machine.run_until(a, 60 * kWaitSecond));
  ASSERT_TRUE(machine.run_until(b, kWaitSecond));
  EXPECT_TRUE(machine.outcome(a)->ok());
  EXPECT_TRUE(machine.outcome(b)->ok());
}

TEST(Deadlocks, LongWaitsThatEndLeaveNothingInTheStore) {
  Machine machine(cpus(1));
  machine.script("slow", {work(5 * kWaitSecond), gives("s")});
  machine.script("parent", {submit("slow"), await(), gives("p")});
  const auto waits = [&] {
    const auto reading = machine.store().begin_read();
    return reading->scan(store::Range::with_prefix("l"), store::Read::kSnapshot).size();
  };
  const FutureId parent = machine.submit("parent");
  EXPECT_FALSE(machine.run_until(parent, 3 * kWaitSecond));
  EXPECT_EQ(waits(), 1U);
  ASSERT_TRUE(machine.run_until(parent, 10 * kWaitSecond));
  EXPECT_TRUE(machine.outcome(parent)->ok());
  machine.run(2 * kWaitSecond);
  EXPECT_EQ(waits(), 0U);
}

TEST(Deadlocks, AParentThatKeepsTheGpuItsChildNeedsFails) {
  Machine machine(machine_of({2'000'000, 0, 1'000'000, {}}));
  const Resources gpu{1'000'000, 0, 1'000'000, {}};
  machine.script("child", {gives("c")});
  machine.script("parent", {submit("child", gpu), await(), gives("p")});
  const FutureId parent = machine.submit("parent", gpu);
  ASSERT_TRUE(machine.run_until(parent, 5 * kWaitSecond));
  EXPECT_TRUE(is_deadlock(machine, parent)) << static_cast<int>(machine.outcome(parent)->failure);
}

TEST(Deadlocks, MemoryThatIsKeptIsFoundAndMemoryThatComesFreeIsWaitedFor) {
  Machine machine(machine_of({2'000'000, 100, 0, {}}));
  const Resources most{1'000'000, 60, 0, {}};
  machine.script("child", {work(kMs), gives("c")});
  machine.script("parent", {work(kMs), submit("child", most), await(), gives("p")});
  machine.script("other", {work(10 * kWaitSecond), gives("o")});
  machine.submit("other", Resources{1'000'000, 100, 0, {}});
  const FutureId patient = machine.submit("parent");
  ASSERT_TRUE(machine.run_until(patient, 20 * kWaitSecond));
  EXPECT_TRUE(machine.outcome(patient)->ok()) << "the other one has ended";
  const FutureId parent = machine.submit("parent", most);
  ASSERT_TRUE(machine.run_until(parent, 5 * kWaitSecond));
  EXPECT_TRUE(is_deadlock(machine, parent));
}

TEST(Deadlocks, WhatBlockedTasksLeaveNoRoomForIsLeftToOthers) {
  Machine machine(machine_of({2'000'000, 0, 1'000'000, {}}));
  const Resources gpu{1'000'000, 0, 1'000'000, {}};
  machine.see_other({1'000'000, 0, 1'000'000, {}});
  machine.script("child", {gives("c")});
  machine.script("parent", {submit("child", gpu), await(), gives("p")});
  const FutureId parent = machine.submit("parent", gpu);
  EXPECT_FALSE(machine.run_until(parent, 500 * kMs));
  EXPECT_EQ(control::index_shapes(machine.store()).size(), 1U) << "the other worker finds it there";
}

}  // namespace
}  // namespace morrow::test
