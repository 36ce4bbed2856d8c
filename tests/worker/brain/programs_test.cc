// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/worker/brain/machine.h"
#include "worker/brain/idle_programs.h"

namespace morrow::test {
namespace {

using worker::IdlePrograms;
using Names = std::vector<std::string>;
using NameSet = std::set<std::string>;

constexpr Time kProgramSecond = 1'000'000'000;
constexpr IdlePrograms::Limits kLimits{5, 2};

TEST(IdlePrograms, OneThatNobodyWantsIsEndedAfterAWhile) {
  IdlePrograms programs;
  programs.note("a");
  EXPECT_EQ(programs.to_end(10, {}, {}, kLimits), Names{});
  EXPECT_EQ(programs.to_end(14, {}, {}, kLimits), Names{});
  EXPECT_EQ(programs.to_end(15, {}, {}, kLimits), Names{"a"});
}

TEST(IdlePrograms, OneIsNamedUntilItIsForgottenAndThenNeverAgain) {
  IdlePrograms programs;
  programs.note("a");
  programs.to_end(10, {}, {}, kLimits);
  EXPECT_EQ(programs.to_end(15, {}, {}, kLimits), Names{"a"});
  EXPECT_EQ(programs.to_end(16, {}, {}, kLimits), Names{"a"});
  programs.forget("a");
  EXPECT_EQ(programs.to_end(17, {}, {}, kLimits), Names{});
}

TEST(IdlePrograms, WorkBeginsItsTimeAnew) {
  IdlePrograms programs;
  programs.note("a");
  programs.to_end(10, {}, {}, kLimits);
  EXPECT_EQ(programs.to_end(15, {"a"}, {}, kLimits), Names{});
  EXPECT_EQ(programs.to_end(16, {}, {}, kLimits), Names{});
  EXPECT_EQ(programs.to_end(20, {}, {}, kLimits), Names{});
  EXPECT_EQ(programs.to_end(21, {}, {}, kLimits), Names{"a"});
}

TEST(IdlePrograms, OfThoseThatSessionsWantTheLongestIdleAreEndedAboveABound) {
  IdlePrograms programs;
  const NameSet wanted{"a", "b", "c", "d"};
  for (const char* name : {"a", "b", "c", "d"}) programs.note(name);
  programs.to_end(10, {"a", "c", "d"}, wanted, kLimits);
  programs.to_end(20, {"c", "d"}, wanted, kLimits);
  EXPECT_EQ(programs.to_end(100, {"d"}, wanted, kLimits), Names{"b"});
  programs.forget("b");
  EXPECT_EQ(programs.to_end(110, {"d"}, wanted, kLimits), Names{});
  EXPECT_EQ(programs.to_end(120, {}, wanted, kLimits), Names{"a"});
}

TEST(IdlePrograms, OneWhoseSessionHasEndedIsEndedAtOnceAndNotBeforeItsLastTask) {
  IdlePrograms programs;
  for (const char* name : {"a", "b", "c"}) programs.note(name);
  EXPECT_EQ(programs.to_end(10, {"b"}, {}, kLimits), Names{});
  for (const char* name : {"a", "b", "never seen"}) programs.note_over(name);
  EXPECT_EQ(programs.to_end(11, {"b"}, {"a"}, kLimits), Names{}) << "another session wants it, a task runs";
  EXPECT_EQ(programs.to_end(12, {}, {}, kLimits), (Names{"a", "b"}));
  EXPECT_FALSE(programs.is_over("c"));
  EXPECT_FALSE(programs.is_over("never seen"));
}

TEST(IdlePrograms, ThoseThatWorkAreNeverEnded) {
  IdlePrograms programs;
  NameSet all;
  for (int i = 0; i < 100; ++i) {
    all.insert(std::to_string(i));
    programs.note(std::to_string(i));
  }
  for (Time now = 0; now < 1'000; now += 10) EXPECT_EQ(programs.to_end(now, all, {}, kLimits), Names{});
}

/// Tasks of a program that no session here has.
std::function<void(control::Spec&)> of(const std::string& program) {
  return [program](control::Spec& spec) { spec.program = program; };
}

TEST(Programs, ManyThatCameAndWentLeaveNothing) {
  Machine::Setup setup;
  setup.total = control::Resources{4'000'000, 1u << 30, 0, {}};
  Machine machine(setup);
  for (int i = 0; i < 400; ++i) {
    const FutureId id = machine.submit("task", Machine::one_cpu(), of("program " + std::to_string(i)));
    ASSERT_TRUE(machine.run_until(id, 10 * kProgramSecond)) << i;
  }
  machine.run(20 * kProgramSecond);
  EXPECT_EQ(machine.brain().executors(), 0U);
  const std::set<std::string> retired(machine.retired.begin(), machine.retired.end());
  for (int i = 0; i < 400; ++i) EXPECT_TRUE(retired.contains("program " + std::to_string(i))) << i;
}

TEST(Programs, OneThatWasEndedIsStartedAgainWhenItIsNeeded) {
  Machine::Setup setup;
  setup.total = control::Resources{1'000'000, 1u << 30, 0, {}};
  Machine machine(setup);
  for (int i = 1; i <= 3; ++i) {
    const FutureId id = machine.submit("task", Machine::one_cpu(), of("other"));
    ASSERT_TRUE(machine.run_until(id, 10 * kProgramSecond));
    machine.run(20 * kProgramSecond);
    EXPECT_EQ(machine.retired.size(), static_cast<std::size_t>(i));
  }
}

}  // namespace
}  // namespace morrow::test
