// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

using People = Stage;

TEST_F(People, SeeEachTaskWithItsReason) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("dependency");
  ASSERT_TRUE(says("root", "runs on worker one"));
  const std::string list = command({"list", "tasks", cluster_.name()}).out;
  EXPECT_TRUE(has(list, "FUTURE"));
  EXPECT_TRUE(has(list, "root"));
  EXPECT_TRUE(has(list, "running"));
  EXPECT_TRUE(has(list, "waits for future "));
  EXPECT_TRUE(has(command({"list", "sessions", cluster_.name()}).out, "one     open"));
}

TEST_F(People, SeeOnlyWhatTheyAskFor) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("dependency");
  ASSERT_TRUE(says("root", "runs on"));
  const std::string running = command({"list", "tasks", cluster_.name(), "--running", "--json"}).out;
  EXPECT_TRUE(has(running, "\"name\": \"root\""));
  EXPECT_FALSE(has(running, "\"name\": \"top\""));
  const std::string named = command({"list", "futures", cluster_.name(), "--name", "t*p", "--json"}).out;
  EXPECT_TRUE(has(named, "\"name\": \"top\""));
  EXPECT_FALSE(has(named, "\"name\": \"root\""));
}

TEST_F(People, SeeWhatFailedAndWhy) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("fails");
  ASSERT_TRUE(says("bad", "failed"));
  EXPECT_TRUE(has(command({"list", "futures", cluster_.name(), "--failed"}).out, "row 7 is not a number"));
}

TEST_F(People, SeeWhatFailedWhenItsSessionIsGone) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("gone");
  EXPECT_EQ(driver->wait().status, 0);
  ASSERT_TRUE(cluster_.wait_for_status("sessions: 0"));
  const std::string list = command({"list", "futures", cluster_.name(), "--failed"}).out;
  EXPECT_TRUE(has(list, "short-lived"));
  EXPECT_TRUE(has(list, "row 7 is not a number"));
}

TEST_F(People, CancelATaskThatRuns) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("cancelled");
  ASSERT_TRUE(says("to be cancelled", "runs on"));
  EXPECT_TRUE(has(command({"cancel", cluster_.name(), "to be cancelled"}).out, "cancelled future "));
  EXPECT_TRUE(driver->wait_for_text("it was cancelled")) << driver->out() << driver->err();
  EXPECT_EQ(driver->wait().status, 0) << driver->err();
}

TEST_F(People, DoNotCancelWhatHasFinishedOrIsOneOfSeveral) {
  const auto worker = cluster_.worker({"--cpus", "2"});
  const auto driver = stage("fails");
  ASSERT_TRUE(says("bad", "failed"));
  EXPECT_TRUE(has(command({"cancel", cluster_.name(), "bad"}).err, "what has finished stays as it is"));
  const auto others = stage("queued");
  ASSERT_TRUE(says("second", "runs on"));
  EXPECT_TRUE(has(command({"cancel", cluster_.name(), "*s*"}).err, "several futures have that name"));
}

TEST_F(People, StopAWorkerByItsNameAndTheOthersTakeItsWork) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  EXPECT_TRUE(has(command({"stop", cluster_.name(), "three"}).err, "there are: one, two"));
  EXPECT_TRUE(has(command({"stop", cluster_.name(), "one"}).out, "worker one gives back what runs"));
  EXPECT_EQ(one->wait().status, 0) << one->err();
  EXPECT_TRUE(says("sleeper", "runs on worker two"));
}

TEST_F(People, AreToldByADriverThatWaitsForLong) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("dependency");
  EXPECT_TRUE(driver->wait_for_text("still waiting: future ")) << driver->err();
  EXPECT_TRUE(driver->wait_for_text("'root', which runs on worker one (process ")) << driver->err();
}

}  // namespace
}  // namespace morrow::test
