// SPDX-License-Identifier: Apache-2.0
// Tasks that wait for each other, or for what they keep themselves.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

class Deadlocks : public testing::Test {
 protected:
  Result run(const std::string& job) {
    return cluster_.run(
        {(std::filesystem::path(scenarios()).parent_path() / "deadlock_scenarios").string(), job, cluster_.folder()});
  }
  Cluster cluster_;
};

TEST_F(Deadlocks, ATaskThatWaitsForItselfFailsAndWorkGoesOn) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const Result result = run("self");
  EXPECT_TRUE(has(result.out, "t0: deadlock: a deadlock, none of these can ever end: t0 (")) << result.err;
  EXPECT_TRUE(has(result.out, ") waits for itself"));
  EXPECT_TRUE(has(result.out, "after that 7\n"));
  EXPECT_TRUE(worker->running());
}

TEST_F(Deadlocks, TwoTasksThatWaitForEachOtherFailBoth) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const Result result = run("two");
  EXPECT_TRUE(has(result.out, "t0: deadlock: ")) << result.err;
  EXPECT_TRUE(has(result.out, "t1: deadlock: "));
  EXPECT_TRUE(has(result.out, "after that 7\n"));
}

TEST_F(Deadlocks, ThroughDependenciesAllOfThemFail) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const Result result = run("dependencies");
  for (const char* name : {"first", "second", "third"})
    EXPECT_TRUE(has(result.out, std::string(name) + ": deadlock: ")) << result.err;
  EXPECT_TRUE(has(result.out, ") depends on second ("));
}

TEST_F(Deadlocks, ACircleOfFiveOverTwoWorkersIsFoundAndLeavesNothing) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  const Result result = run("five");
  for (const char* name : {"t0", "t1", "t2", "t3", "t4"})
    EXPECT_TRUE(has(result.out, std::string(name) + ": deadlock: ")) << result.err;
  EXPECT_TRUE(has(result.out, "after that 7\n"));
  const std::size_t before = cluster_.keys_with_image();
  run("five");
  EXPECT_TRUE(eventually([&] { return cluster_.keys() <= before + 1; })) << "a program more, and nothing else";
}

TEST_F(Deadlocks, AWaitWithATimeoutIsNone) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const Result result = run("timed");
  EXPECT_EQ(result.out, "one is 1\nother is 2\n") << result.err;
}

TEST_F(Deadlocks, AWaitForOneOfTwoIsNoneWhileTheOtherOneRuns) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const Result result = run("either");
  EXPECT_EQ(result.out, "one went on\nother went on\n") << result.err;
}

TEST_F(Deadlocks, AParentThatKeepsTheGpuItsChildNeedsFails) {
  const auto worker = cluster_.worker({"--cpus", "2", "--gpus", "1", "--name", "w"});
  const Result result = run("gpu");
  EXPECT_TRUE(has(result.out, "parent: deadlock: ")) << result.err;
  EXPECT_TRUE(has(result.out, "keeps 1 gpu of worker w"));
  EXPECT_TRUE(has(result.out, "driver is 2\n")) << "the GPU is free again";
}

TEST_F(Deadlocks, AParentThatKeepsTheGpuItsChildNeedsGoesOnWhereAnotherWorkerHasOne) {
  const auto one = cluster_.worker({"--cpus", "2", "--gpus", "1", "--name", "one"});
  const auto two = cluster_.worker({"--cpus", "2", "--gpus", "1", "--name", "two"});
  EXPECT_TRUE(has(run("gpu").out, "parent is 2\n"));
}

TEST_F(Deadlocks, AParentThatKeepsTheMemoryItsChildNeedsFails) {
  const auto worker = cluster_.worker({"--cpus", "2", "--memory", "1GB"});
  EXPECT_TRUE(has(run("memory").out, "parent: deadlock: "));
}

TEST_F(Deadlocks, OfTasksThatHoldObjectMemoryFromEachOtherOneFailsWithASentenceAndTheOtherGoesOn) {
  const auto worker = cluster_.worker({"--cpus", "2", "--object-memory", "64MB"});
  const Result result = run("rooms");
  EXPECT_TRUE(has(result.out, "task: no room for a value of 24 MB: of the 64 MB of object memory of worker"))
      << result.err;
  EXPECT_TRUE(has(result.out, "task is 2\n"));
}

TEST_F(Deadlocks, TasksThatHoldRoomAndWaitForOthersThatFindNoneAllEnd) {
  const auto worker = cluster_.worker({"--cpus", "2", "--object-memory", "130MB", "--spill-dir", cluster_.folder()});
  const Result result = run("parents");
  EXPECT_EQ(result.out, "8 of 8\n") << result.err;
}

TEST_F(Deadlocks, ATreeOfJoinsThatJustFitsEnds) {
  const auto worker = cluster_.worker({"--cpus", "2", "--object-memory", "130MB", "--spill-dir", cluster_.folder()});
  EXPECT_EQ(run("joins").out, "28\n");
}

}  // namespace
}  // namespace morrow::test
