// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

using control::Resources;
using control::Status;

Machine::Setup two_cpus() {
  Machine::Setup setup;
  setup.total = Resources{2'000'000, 1u << 30, 0, {}};
  return setup;
}

TEST(Draining, WhatRunsComesToItsEndAndNothingElseBegins) {
  Machine machine(two_cpus());
  machine.script("long", {work(2'000 * kMs), gives("7")});
  machine.script("queued", {work(2'000 * kMs), gives("8")});
  const FutureId first = machine.submit("long");
  const FutureId second = machine.submit("long");
  for (int i = 0; i < 8; ++i) machine.submit("queued");
  machine.run(500 * kMs);
  ASSERT_EQ(machine.started, (std::vector<std::string>{"long", "long"}));
  machine.brain().drain(machine.now());
  machine.submit("queued");  // a driver of this worker goes on
  EXPECT_FALSE(machine.brain().ran_out());
  ASSERT_TRUE(machine.run_until(first));
  ASSERT_TRUE(machine.run_until(second));
  machine.run(10'000 * kMs);
  EXPECT_EQ(machine.started.size(), 2u);
  EXPECT_EQ(machine.count().futures[Status::kReady], 9u) << "all others are there for other workers";
  EXPECT_EQ(machine.count().futures[Status::kClaimed], 0u);
  EXPECT_TRUE(machine.brain().ran_out());
}

TEST(Draining, AWorkerThatDrainsSaysSoToTheOthersAtOnce) {
  Machine machine(two_cpus());
  machine.run_until(machine.submit("short"));
  machine.brain().drain(machine.now());
  machine.submit("short");
  machine.run(100 * kMs);
  bool published = false;
  for (const control::WorkerSeen& worker : control::workers(machine.store())) published |= worker.info.draining;
  EXPECT_TRUE(published);
}

TEST(Draining, ATaskThatFailsIsTriedAgainElsewhere) {
  Machine machine(two_cpus());
  machine.script("crasher", {work(1'000 * kMs), crashes()});
  machine.submit("crasher", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 3; });
  machine.run(500 * kMs);
  machine.brain().drain(machine.now());
  machine.run(30'000 * kMs);
  EXPECT_EQ(machine.started.size(), 1u);
  EXPECT_EQ(machine.count().futures[Status::kReady], 1u);
  EXPECT_TRUE(machine.brain().ran_out());
}

TEST(Draining, WhatARunningTaskSubmitsIsLeftToOthers) {
  Machine machine(two_cpus());
  machine.script("child", {gives("1")});
  machine.script("parent", {work(1'000 * kMs), submit("child"), await({0}), gives("2")});
  machine.submit("parent");
  machine.run(500 * kMs);
  machine.brain().drain(machine.now());
  machine.run(5'000 * kMs);
  EXPECT_EQ(machine.started, std::vector<std::string>{"parent"});
  EXPECT_EQ(machine.count().futures[Status::kReady], 1u);
  EXPECT_FALSE(machine.brain().ran_out()) << "its parent runs still";
}

TEST(Draining, WhatWaitsForItsNextAttemptIsGivenBack) {
  Machine machine(two_cpus());
  machine.script("crasher", {crashes()});
  machine.submit("crasher", Machine::one_cpu(), [](control::Spec& spec) { spec.max_retries = 30; });
  machine.run(3'000 * kMs);
  const std::size_t tries = machine.started.size();
  EXPECT_GE(tries, 2u);
  machine.brain().drain(machine.now());
  machine.run(60'000 * kMs);
  EXPECT_LE(machine.started.size(), tries + 1);
  EXPECT_EQ(machine.count().futures[Status::kReady], 1u);
}

}  // namespace
}  // namespace morrow::test
