// SPDX-License-Identifier: Apache-2.0
// A task that waits for room in the object memory lends its cpus to what others await.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"
#include "tests/worker/brain/steps.h"

namespace morrow::test {
namespace {

control::Resources whole_cpus(unsigned number) { return {number * 1'000'000ULL, 0, 0, {}}; }

/// Two cpus. One task waits for a child that needs both; another one has one of them for ten seconds.
class LendingTest : public testing::Test {
 protected:
  LendingTest() : machine_(setup()) {
    machine_.script("child", {work(50 * kMs), gives("1")});
    machine_.script("parent", {submit("child", whole_cpus(2)), await(), gives("2")});
    machine_.script("holder", {work(10 * kSecond), gives("3")});
    machine_.script("new", {work(50 * kMs), gives("4")});
    holder_ = machine_.submit("holder");
    parent_ = machine_.submit("parent");
    machine_.run(kSecond);
  }

  static Machine::Setup setup() {
    Machine::Setup setup;
    setup.total = {2'000'000, 1U << 30, 0, {}};
    return setup;
  }
  worker::ExecutorId executor_of(FutureId id) { return machine_.brain().explain(id)->executor; }
  void room_lacks(FutureId id, bool lacks) { machine_.brain().room_lacks(machine_.now(), executor_of(id), lacks); }
  bool began(const std::string& script) const {
    return std::find(machine_.started.begin(), machine_.started.end(), script) != machine_.started.end();
  }
  bool ended(FutureId id) { return machine_.run_until(id, 2 * kSecond); }

  Machine machine_;
  FutureId holder_;
  FutureId parent_;
};

TEST_F(LendingTest, ATaskThatHasRoomLendsNothing) {
  EXPECT_FALSE(ended(parent_));
  EXPECT_FALSE(began("child"));
}

TEST_F(LendingTest, WhatATaskIsBlockedForRunsOnTheCpusOfOneThatWaitsForRoom) {
  room_lacks(holder_, true);
  EXPECT_TRUE(ended(parent_));
  room_lacks(holder_, false);
  EXPECT_EQ(machine_.brain().used().cpu_micro, 1'000'000U);
  ASSERT_TRUE(machine_.run_until(holder_));
  machine_.run();
  EXPECT_EQ(machine_.brain().used().cpu_micro, 0U);
}

TEST_F(LendingTest, NewWorkDoesNotRunOnLentCpusAlsoWhenTheirBorrowerHasEnded) {
  room_lacks(holder_, true);
  ASSERT_TRUE(ended(parent_));
  std::vector<FutureId> all;
  for (int i = 0; i < 2; ++i) all.push_back(machine_.submit("new"));
  machine_.run(20 * kMs);
  EXPECT_EQ(machine_.running_now, 2U) << "the one that waits for room counts as running here, and one new one";
  for (const FutureId id : all) EXPECT_TRUE(ended(id));
}

TEST_F(LendingTest, CpusComeBackWithTheRoomWhateverTheBorrowerDoes) {
  machine_.script("child", {work(5 * kSecond), gives("1")});
  room_lacks(holder_, true);
  machine_.run(kSecond);
  EXPECT_EQ(machine_.brain().used().cpu_micro, 2'000'000U);
  EXPECT_TRUE(machine_.brain().could_use_room(executor_of(holder_)));
  room_lacks(holder_, false);
  EXPECT_EQ(machine_.brain().used().cpu_micro, 3'000'000U);
  EXPECT_TRUE(machine_.run_until(parent_));
  EXPECT_TRUE(machine_.run_until(holder_));
}

TEST_F(LendingTest, RoomIsNotForOneWhoseCpusCouldNotBeHadBackWithinTwiceAllOfThem) {
  machine_.script("child", {submit("grandchild", whole_cpus(2)), work(5 * kSecond), await(), gives("1")});
  machine_.script("grandchild", {work(5 * kSecond), gives("1")});
  room_lacks(holder_, true);
  machine_.run(kSecond);
  ASSERT_TRUE(began("child"));
  const auto another = machine_.submit("parent");
  machine_.run(kSecond);
  EXPECT_TRUE(machine_.brain().could_use_room(executor_of(holder_)));
  room_lacks(holder_, false);
  EXPECT_LE(machine_.brain().used().cpu_micro, 4'000'000U);
  EXPECT_TRUE(machine_.run_until(another));
  EXPECT_LE(machine_.most_running, 4U);
}

TEST_F(LendingTest, ALenderThatDiesTakesNothingWithIt) {
  room_lacks(holder_, true);
  ASSERT_TRUE(ended(parent_));
  ASSERT_TRUE(machine_.crash("holder"));
  machine_.run(50 * kMs);
  EXPECT_EQ(machine_.brain().used().cpu_micro, 0U) << "it waits to be tried again";
  EXPECT_TRUE(machine_.run_until(holder_));
}

}  // namespace
}  // namespace morrow::test
