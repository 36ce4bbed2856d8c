// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

using control::Resources;
using control::Status;

/// What waits here behind a task that takes longer than anybody knew, when another worker is idle.
class Giving : public testing::Test {
 protected:
  Giving() : machine_({.total = Machine::one_cpu(), .knobs = {}}) {
    machine_.script("long", {work(60 * kSecond)});
    machine_.submit("long");
    machine_.submit("next");
    machine_.run(kSecond);
    EXPECT_EQ(machine_.count().futures[Status::kClaimed], 2u) << "both are held here";
  }
  std::size_t in_index() { return machine_.count().futures[Status::kReady]; }

  Machine machine_;
};

TEST_F(Giving, WhatHasNotBegunGoesToAWorkerThatIsIdle) {
  machine_.see_other(Machine::one_cpu(), {}, true);
  machine_.run(kSecond / 10);
  EXPECT_EQ(in_index(), 1u);
  EXPECT_EQ(machine_.count().futures[Status::kClaimed], 1u) << "what runs goes on";
}

TEST_F(Giving, WhatHasJustComeMayHaveItsTurnHereFirst) {
  machine_.submit("later");
  machine_.run(kSecond / 100);
  machine_.see_other(Resources{9'000'000, 0, 0, {}}, {}, true);
  machine_.run(kSecond / 100);
  EXPECT_EQ(std::count(machine_.started.begin(), machine_.started.end(), "later"), 0);
  EXPECT_EQ(in_index(), 2u) << "one that was given, and one that never was held here";
}

TEST_F(Giving, NothingGoesToAWorkerThatIsBusyTooSmallOrCannotStartTheProgram) {
  machine_.see_other(Machine::one_cpu(), {}, false);
  machine_.run(kSecond / 10);
  machine_.see_other(Resources{500'000, 0, 0, {}}, {}, true);
  machine_.run(kSecond / 10);
  machine_.see_other(Machine::one_cpu(), "libfoo.so.1 is missing", true);
  machine_.run(kSecond / 10);
  EXPECT_EQ(in_index(), 0u);
}

TEST_F(Giving, NoMoreGoesThanTheIdleCanStartAtOnce) {
  Machine machine({.total = {2'000'000, 0, 0, {}}, .knobs = {}});
  machine.script("long", {work(60 * kSecond)});
  for (int i = 0; i < 4; ++i) machine.submit("long");
  machine.run(kSecond);
  const std::size_t held = machine.count().futures[Status::kClaimed];
  ASSERT_GE(held, 4u);
  machine.see_other(Machine::one_cpu(), {}, true);
  machine.run(kSecond / 10);
  EXPECT_EQ(machine.count().futures[Status::kClaimed], held - 1);
}

}  // namespace
}  // namespace morrow::test
