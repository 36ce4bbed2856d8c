// SPDX-License-Identifier: Apache-2.0
// What people are told of the tasks here, and what is counted of them.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/worker/brain/machine.h"

namespace morrow::test {
namespace {

std::uint64_t number_of(const worker::Durations& durations) {
  return std::accumulate(durations.counts().begin(), durations.counts().end(), std::uint64_t{0});
}

Machine::Setup one_cpu() {
  Machine::Setup setup;
  setup.total = control::Resources{1'000'000, 1u << 30, 0, {}};
  return setup;
}

TEST(Explain, ATaskThatIsQueuedIsBehindOthersByTheirNames) {
  Machine machine(one_cpu());
  const auto named = [](const std::string& name) { return [name](control::Spec& spec) { spec.name = name; }; };
  for (int i = 0; i < 3; ++i) machine.submit("task", Machine::one_cpu(), named("render"));
  for (int i = 0; i < 2; ++i) machine.submit("task", Machine::one_cpu(), named("load"));
  const FutureId last = machine.submit("task", Machine::one_cpu(), named("last"));
  const auto seen = machine.brain().explain(last);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->stage, worker::TaskSeen::Stage::kQueued);
  std::uint64_t told = 0;
  for (const auto& [name, count] : seen->ahead_names) told += count;
  EXPECT_EQ(told, seen->ahead);
  EXPECT_EQ(seen->ahead_names.at("load"), 2U);
  EXPECT_GE(seen->ahead_names.at("render"), 2U) << "one may run by now";
  const auto queued = machine.brain().queued_by_need();
  ASSERT_EQ(queued.size(), 1U);
  EXPECT_EQ(queued[0].first, Machine::one_cpu());
  EXPECT_EQ(queued[0].second, seen->ahead + 1);
}

TEST(Explain, HowLongTasksWaitAndRunIsCounted) {
  Machine machine(one_cpu());
  machine.script("task", {{Step::Kind::kWork, kSecond, {}, {}, {}, {}}, {Step::Kind::kReturn, 0, {}, {}, {}, "done"}});
  for (int i = 0; i < 2; ++i) machine.submit("task");
  machine.run(10 * kSecond);
  const worker::Brain::Counters& counters = machine.brain().counters();
  EXPECT_EQ(counters.values, 2U);
  EXPECT_EQ(number_of(counters.ran), 2U);
  EXPECT_GE(counters.ran.sum_ns(), 2 * kSecond);
  EXPECT_EQ(number_of(counters.waited), 2U);
  EXPECT_GE(counters.waited.sum_ns(), kSecond) << "the second one waited for the first";
  EXPECT_EQ(number_of(counters.committed), counters.rounds);
  EXPECT_GT(counters.bytes, 0U);
}

TEST(Explain, ADurationIsCountedByTheSmallestBoundThatItDoesNotExceed) {
  worker::Durations durations;
  durations.add(0);
  durations.add(100'000);
  durations.add(100'001);
  durations.add(worker::Durations::kBounds.back() + 1);
  EXPECT_EQ(durations.counts()[0], 2U);
  EXPECT_EQ(durations.counts()[1], 1U);
  EXPECT_EQ(durations.counts().back(), 1U);
}

}  // namespace
}  // namespace morrow::test
