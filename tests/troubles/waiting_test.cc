// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <regex>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

using Waiting = Stage;

TEST_F(Waiting, SaysThatNoWorkerFitsAndNamesTheLargest) {
  const auto worker = cluster_.worker({"--cpus", "2", "--name", "one"});
  const auto driver = stage("no_worker_fits");
  EXPECT_TRUE(says("huge", "needs 64 cpus"));
  EXPECT_TRUE(says("huge", "no worker has that much; the largest, one, has 2 cpus"));
}

TEST_F(Waiting, SaysWhichResourceNobodyHas) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("no_such_resource");
  EXPECT_TRUE(says("licensed", "license 1, and no worker has that much"));
}

TEST_F(Waiting, SaysWhereItRunsAndThatItsProcessSleeps) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  EXPECT_TRUE(says("sleeper", "runs on worker one (process "));
  EXPECT_TRUE(says("sleeper", "and stands still: it has used no processor for "));
}

TEST_F(Waiting, SaysThatATaskUsesTheProcessor) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("computes");
  EXPECT_TRUE(says("busy", "and uses the processor"));
}

TEST_F(Waiting, SaysThatItsProcessIsStopped) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "(process "));
  const std::string text = why("sleeper").out;
  std::smatch pid;
  ASSERT_TRUE(std::regex_search(text, pid, std::regex("process ([0-9]+)"))) << text;
  kill(std::stoi(pid[1]), SIGSTOP);
  EXPECT_TRUE(says("sleeper", "it is stopped by a signal"));
  kill(std::stoi(pid[1]), SIGCONT);
}

TEST_F(Waiting, NamesTheRootOfAChainOfDependencies) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("dependency");
  EXPECT_TRUE(says("top", "waits for future "));
  EXPECT_TRUE(says("top", "'root', which runs on worker one"));
}

TEST_F(Waiting, NamesTheRootOfTasksThatAwaitEachOther) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("awaits");
  EXPECT_TRUE(says("link 3", "waits there for future "));
  EXPECT_TRUE(says("link 3", ", through 1 more, for future "));
  EXPECT_TRUE(says("link 3", "'link 0', which runs on worker one"));
}

TEST_F(Waiting, FollowsAChainToAnotherWorker) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one", "--resource", "here=1"});
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two", "--resource", "there=1"});
  const auto driver = stage("elsewhere");
  EXPECT_TRUE(says("here", "runs on worker one (process "));
  EXPECT_TRUE(says("here", "'there', which runs on worker two (process "));
}

TEST_F(Waiting, SaysBehindHowManyItIsQueued) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("queued");
  EXPECT_TRUE(says("second", "is the next one that worker one runs when it has 1 cpu free"));
}

TEST_F(Waiting, SaysOfWhichTasksThoseAreThatComeBeforeIt) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("crowd");
  // Some of them are with the worker, and the rest are left to any: of three, two stand behind each other.
  EXPECT_TRUE(says("render", "behind 1 other, of 'render'"));
}

TEST_F(Waiting, NamesAWorkerThatDoesNotAnswer) {
  // The driver would move after a third of the lease, and send again what was not committed.
  const std::string an_hour_ms = "3600000";
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one", "--lease-ms", an_hour_ms});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(driver->wait_for_text("committed")) << driver->err();
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two", "--lease-ms", an_hour_ms});
  one->signal(SIGSTOP);
  EXPECT_TRUE(
      says("sleeper", "is with worker one (process " + std::to_string(one->pid()) + "), which does not answer"));
  one->signal(SIGCONT);
}

TEST_F(Waiting, TellsOfRetriesAndWhenTheNextOneBegins) {
  cluster_.expect_crashes();
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("retries");
  EXPECT_TRUE(says("crasher", " of 31 attempts on worker one; the next one begins in ")) << why("crasher").out;
}

TEST_F(Waiting, TellsWhyAFutureFailed) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("fails");
  EXPECT_TRUE(says("bad", "failed: std::runtime_error: row 7 is not a number (worker one, attempt 1)"));
}

TEST_F(Waiting, AnIdThatWasPrintedIsTakenAsItIs) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on"));
  const std::string text = why("sleep*").out;
  std::smatch id;
  ASSERT_TRUE(std::regex_search(text, id, std::regex("future ([0-9a-f]{16}/[0-9]+) 'sleeper'"))) << text;
  EXPECT_TRUE(has(why(id[1]).out, "future " + id[1].str() + " 'sleeper' runs on"));
  EXPECT_TRUE(has(why(id[1], {"--json"}).out, "\"future\": \"" + id[1].str() + "\""));
}

TEST_F(Waiting, ANameThatNobodyHasIsSaid) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const Result result = why("nobody");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "no future of a task named 'nobody' is unfinished or failed"));
  EXPECT_TRUE(has(why("0123456789abcdef/5").err, "future 0123456789abcdef/5 is not there: it was never submitted, or"));
}

}  // namespace
}  // namespace morrow::test
