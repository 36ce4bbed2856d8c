// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

/// Jobs on one worker with two slots.
class Jobs : public testing::Test {
 protected:
  void SetUp() override { worker_ = cluster_.worker({"--cpus", "2"}); }
  Result run(const std::vector<std::string>& arguments, Environment more = {}) {
    std::vector<std::string> all{scenarios()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return cluster_.run(all, std::move(more));
  }
  Cluster cluster_;
  std::unique_ptr<Process> worker_;
};

TEST_F(Jobs, TheQuickStartPrintsWhatTheReadmeSays) {
  // Its own cluster name is demo_cluster: a worker of that name runs in the same folders.
  Process demo({bin() + "/morrow", "worker", "demo_cluster"}, cluster_.environment());
  ASSERT_TRUE(demo.wait_for_text("is ready")) << demo.err();
  const Result result = cluster_.run({bin() + "/quickstart"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(has(result.out, "3\n6 60\n0.348678\n"));
  EXPECT_TRUE(has(result.out, "std::out_of_range"));
  EXPECT_TRUE(has(result.out, "row 7"));
  EXPECT_TRUE(has(result.out, "attempt 1"));
  EXPECT_TRUE(has(result.out, "quickstart.cc:"));
}

TEST_F(Jobs, ValuesOfAllKindsGoThereAndBack) {
  const Result result = run({"values"});
  EXPECT_EQ(result.out, "12here!7\n15\n328350\n328350\n") << result.err;
}

TEST_F(Jobs, EverythingWorksInsideATaskAsInTheDriver) {
  const Result result = run({"inside"});
  EXPECT_EQ(result.out, "42 late waiting 11 8 cancelled\n") << result.err;
}

TEST_F(Jobs, AFailedDependencyFailsItsDependentsWithTheRootCauseAndWithoutRunningThem) {
  const Result result = run({"dependency"});
  EXPECT_TRUE(has(result.out, "root cause")) << result.err;
  EXPECT_TRUE(has(result.out, "the root"));
  EXPECT_FALSE(has(result.out, "must not run"));
}

TEST_F(Jobs, ATimeoutEndsTheTask) {
  const Result result = run({"timeout"});
  EXPECT_TRUE(has(result.out, "timeout of 0.2 s")) << result.err;
}

TEST_F(Jobs, TimeoutsAreRetriedWhenAsked) {
  EXPECT_EQ(run({"retry_timeouts", cluster_.folder() + "/timeouts"}).out, "3\n");
}

TEST_F(Jobs, ADependencyThatWasCancelledIsToldAsThat) {
  const Result result = run({"cancelled_dependency"});
  EXPECT_TRUE(has(result.out, "a future that this one depends on failed: it was cancelled")) << result.err;
}

TEST_F(Jobs, ExceptionsAreRetriedWhenAsked) { EXPECT_EQ(run({"retries", cluster_.folder() + "/tries"}).out, "3\n"); }

TEST_F(Jobs, OutputAppearsAtTheDriverLineByLineBeforeTheValue) {
  const Result result = run({"output"});
  EXPECT_TRUE(has(result.out, "line one\n"));
  EXPECT_TRUE(has(result.out, "talker"));
  EXPECT_TRUE(has(result.out, "no newline\n"));
  EXPECT_TRUE(has(result.err, "an error line"));
  EXPECT_LT(result.out.find("no newline"), result.out.find("driver done"));
  const Result quiet = run({"output"}, {{"TEST_NO_LOG", "1"}});
  EXPECT_EQ(quiet.out, "driver done\n");
}

TEST_F(Jobs, ASessionSaysThatFailuresWereNotLookedAt) {
  const Result result = run({"unlooked"});
  EXPECT_TRUE(has(result.err, "a future failed and nobody looked at it")) << result.out;
  EXPECT_TRUE(has(result.err, "nobody looks"));
}

TEST_F(Jobs, WhatNobodyCanRunIsSaidToTheDriverAndByStatus) {
  auto driver = cluster_.start({scenarios(), "unschedulable"});
  EXPECT_TRUE(driver->wait_for_text("needs 512 cpus"));
  EXPECT_TRUE(cluster_.wait_for_status("512 cpus"));
  const Result result = driver->wait();
  EXPECT_TRUE(has(result.out, "512 cpus"));
  EXPECT_EQ(result.status, 0);
}

TEST_F(Jobs, CapturesOverTheLimitAreRefusedWithOneSentenceThatSaysWhatToDo) {
  const Result result = run({"too_large"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1) << result.out;
  EXPECT_TRUE(has(result.out, "as an argument")) << result.out;
}

TEST_F(Jobs, ADriverThatOnlySubmitsStaysSmall) {
  // MORROW_TEST_SUBMITS=10000000 is the real thing, which takes minutes.
  const char* const count = std::getenv("MORROW_TEST_SUBMITS");
  auto driver = cluster_.start({scenarios(), "many_submits", count == nullptr ? "200000" : count});
  const Result result = driver->wait(std::chrono::minutes(20));
  EXPECT_EQ(result.out, "small\n") << result.err;
  std::cout << result.err;
}

TEST_F(Jobs, ProgramsWhoseFirstProcessMayNotForkWorkToo) {
  EXPECT_EQ(run({"values"}, {{"TEST_NO_FORK", "1"}}).out, "12here!7\n15\n328350\n328350\n");
}

TEST_F(Jobs, WordCountEqualsThatOfTheSystem) {
  const Result result = cluster_.run({bin() + "/wc", "/usr/include/linux", "/usr/share/doc/bash"}, {{"LC_ALL", "C"}});
  const Result expected = cluster_.run({"/bin/sh", "-c",
                                        "find /usr/include/linux /usr/share/doc/bash -type f -exec cat {} + | LC_ALL=C "
                                        "wc | awk '{print $1\"\\n\"$2\"\\n\"$3}'"});
  std::string rest = expected.out;
  for (int i = 0; i < 3; ++i) {
    const auto end = rest.find('\n');
    EXPECT_TRUE(has(result.out, rest.substr(0, end))) << result.err;
    rest = rest.substr(end + 1);
  }
}

TEST_F(Jobs, NothingOfASessionStaysInTheStore) {
  const std::size_t before = cluster_.keys_with_image();
  run({"inside"});
  run({"dependency"});
  run({"fib_task", "10"});
  EXPECT_TRUE(eventually([&] { return cluster_.keys() <= before; }))
      << before << " keys before, " << cluster_.keys() << " after";
}

TEST(OneSlot, FibCompletesByNestedGets) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const Result result = cluster.run({bin() + "/fib", "20"});
  EXPECT_TRUE(has(result.out, "6765")) << result.err;
  EXPECT_TRUE(has(result.out, "21891"));
}

TEST(OneSlot, FibCompletesWithFourExecutors) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1", "--executors", "4"});
  std::size_t most = 0;
  auto driver = cluster.start({scenarios(), "fib_task", "16"});
  while (driver->running()) most = std::max(most, descendants(worker->pid()).size());
  EXPECT_EQ(driver->wait().out, "987\n");
  EXPECT_LE(most, 5u);  // four and the fork server
}

TEST(OneSlot, AChainOfFiveThousandNestedAwaitsCompletes) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1", "--executors", "64"});
#ifdef __SANITIZE_THREAD__
  const std::string levels = "1000";  // each starts a process, which takes 16 ms there
#else
  const std::string levels = "5000";
#endif
  const Result result = cluster.run({scenarios(), "chain", levels});
  EXPECT_EQ(result.out, levels + "\n") << result.err;
}

TEST(OneSlot, TwoThousandWaitersOfAnotherShapeNeverNeedMoreProcessesThanTheCap) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1", "--resource", "disk=1", "--executors", "32"});
  std::size_t most = 0;
  auto driver = cluster.start({scenarios(), "other_shape", "2000"});
  while (driver->running()) most = std::max(most, descendants(worker->pid()).size());
  EXPECT_EQ(driver->wait().out, "1999000\n");
  EXPECT_LE(most, 33u);
}

TEST(OneSlot, AParentWhoseChildIsDoneDoesNotWaitForALongStranger) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  EXPECT_EQ(cluster.run({scenarios(), "stranger"}).out, "4\n");
}

TEST(Gpus, ATaskSeesItsDevices) {
  Cluster cluster;
  const auto worker = cluster.worker({"--gpus", "3"});
  EXPECT_EQ(cluster.run({scenarios(), "gpus"}).out, "0,1\n");
}

}  // namespace
}  // namespace morrow::test
