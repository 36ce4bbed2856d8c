// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/worker/brain/machine.h"

namespace morrow::test {
namespace {

using control::FailureKind;
using control::Status;
using store::Room;

constexpr Time kOneSecond = 1'000'000'000;

class FullStoreTest : public testing::Test {
 protected:
  FullStoreTest() : machine_({.total = {4'000'000, 0, 0, {}}, .knobs = {}}) {
    done_ = machine_.submit("done");
    machine_.await(done_);
    EXPECT_TRUE(machine_.run_until(done_));
    machine_.run(kOneSecond);
  }

  /// From now on there is room for what needs this and more only.
  void only(Room room) {
    machine_.database->hooks.full = [room](Room asked) { return asked < room; };
  }
  void make_room() { machine_.database->hooks.full = nullptr; }
  std::size_t futures(Status status) { return machine_.count().futures[status]; }

  Machine machine_;
  FutureId done_;  ///< realized and committed
};

TEST_F(FullStoreTest, WhatFreesPassesWhatWaitsForRoom) {
  only(Room::kEnd);
  const FutureId waits = machine_.submit("waits");
  machine_.await(waits);
  machine_.run(kOneSecond);
  machine_.release(done_);
  machine_.run(kOneSecond);
  EXPECT_EQ(futures(Status::kRealized), 0u);
  EXPECT_EQ(machine_.outcome(waits), nullptr);
  make_room();
  ASSERT_TRUE(machine_.run_until(waits, 10 * kOneSecond));
  EXPECT_TRUE(machine_.outcome(waits)->ok());
}

TEST_F(FullStoreTest, AReleaseDoesNotPassASubmitThatNeedsTheFuture) {
  only(Room::kEnd);
  const FutureId needs =
      machine_.submit("needs", Machine::one_cpu(), [this](control::Spec& spec) { spec.dependencies.push_back(done_); });
  machine_.await(needs);
  machine_.release(done_);
  machine_.run(kOneSecond);
  EXPECT_EQ(futures(Status::kRealized), 1u);
  make_room();
  ASSERT_TRUE(machine_.run_until(needs, 10 * kOneSecond));
  EXPECT_TRUE(machine_.outcome(needs)->ok());
}

TEST_F(FullStoreTest, WhatWaitedForLongerThanItsDriversPatienceFails) {
  only(Room::kEnd);
  const FutureId waits = machine_.submit("waits");
  machine_.await(waits);
  machine_.run(worker::kStorePatience / 2);
  EXPECT_EQ(machine_.outcome(waits), nullptr);
  ASSERT_TRUE(machine_.run_until(waits, worker::kStorePatience));
  EXPECT_EQ(machine_.outcome(waits)->failure, FailureKind::kStoreFull);
}

TEST_F(FullStoreTest, NothingRunsAheadOfItsCommit) {
  only(Room::kEnd);
  machine_.submit("first");
  machine_.run(kOneSecond);
  EXPECT_TRUE(machine_.brain().shortage().on());
  machine_.submit("second");
  machine_.run(kOneSecond);
  EXPECT_EQ(std::count(machine_.started.begin(), machine_.started.end(), "second"), 0);
  make_room();
  machine_.run(10 * kOneSecond);
  EXPECT_EQ(std::count(machine_.started.begin(), machine_.started.end(), "second"), 1);
  EXPECT_FALSE(machine_.brain().shortage().on());
}

TEST_F(FullStoreTest, TheHeartbeatGoesOnWhenOnlyDeletionsHaveRoom) {
  only(Room::kFree);
  machine_.submit("waits");
  machine_.run(kOneSecond);
  const std::uint64_t before = machine_.database->version();
  machine_.run(10 * kOneSecond);
  EXPECT_GT(machine_.database->version(), before + 5);
}

TEST_F(FullStoreTest, WhatATaskSubmittedIsNotGivenUpWhenItsDriverEnds) {
  const Step works{Step::Kind::kWork, kOneSecond, {}, {}, {}, {}};
  const Step submits{Step::Kind::kSubmit, 0, "child", Machine::one_cpu(), {}, {}};
  const Step awaits{Step::Kind::kAwait, 0, {}, {}, {}, {}};
  machine_.script("parent", {works, submits, awaits, {Step::Kind::kReturn, 0, {}, {}, {}, "value"}});
  machine_.await(machine_.submit("parent"));
  machine_.run(kOneSecond / 2);
  only(Room::kEnd);
  machine_.run(kOneSecond);
  machine_.brain().session_ending(machine_.now(), 1);
  machine_.run(kOneSecond);
  EXPECT_EQ(std::count(machine_.ended.begin(), machine_.ended.end(), "parent"), 0);
  make_room();
  machine_.run(10 * kOneSecond);
  EXPECT_EQ(std::count(machine_.started.begin(), machine_.started.end(), "child"), 1);
  EXPECT_EQ(std::count(machine_.ended.begin(), machine_.ended.end(), "parent"), 1);
}

class FullStoreHeartbeat : public testing::TestWithParam<Time> {};

TEST_P(FullStoreHeartbeat, GoesOnWithoutThePollHoweverLongALookForRoomTakes) {
  Machine::Setup setup;
  setup.total = control::Resources{4'000'000, 0, 0, {}};
  setup.knobs.poll = 0;
  setup.commit_takes = GetParam();
  Machine machine(setup);
  machine.database->hooks.full = [](Room asked) { return asked < Room::kFree; };
  machine.submit("waits");
  machine.run(2 * kOneSecond);
  const std::uint64_t before = machine.database->version();
  machine.run(10 * kOneSecond);
  EXPECT_GT(machine.database->version(), before + 5);
}

INSTANTIATE_TEST_SUITE_P(Quick, FullStoreHeartbeat, testing::Values(30'000));
INSTANTIATE_TEST_SUITE_P(Slow, FullStoreHeartbeat, testing::Values(3 * worker::Shortage::kLookEvery));

}  // namespace
}  // namespace morrow::test
