// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

using Drain = Stage;

TEST_F(Drain, LetsWhatRunsFinishAndLeavesTheRestToOthers) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("short_jobs");
  ASSERT_TRUE(says("short", "runs on worker one"));
  EXPECT_TRUE(has(command({"drain", cluster_.name(), "one"}).out, "worker one takes no new task"));
  EXPECT_TRUE(driver->wait_for_text("first is done")) << driver->err();
  EXPECT_EQ(one->wait().status, 0) << one->err();
  EXPECT_TRUE(has(one->err(), "what ran here has ended"));
  EXPECT_EQ(driver->out().find("second is done"), std::string::npos);
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  EXPECT_TRUE(driver->wait_for_text("second is done")) << driver->err();
}

TEST_F(Drain, IsShownWhileItLasts) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  command({"drain", cluster_.name(), "one"});
  EXPECT_TRUE(cluster_.wait_for_status("one (draining)"));
  EXPECT_TRUE(has(command({"list", "workers", cluster_.name()}).out, "draining"));
}

TEST_F(Drain, GoesOnAsAStopAfterItsLimit) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  command({"drain", cluster_.name(), "one", "--limit", "1"});
  EXPECT_EQ(one->wait().status, 0) << one->err();
  EXPECT_TRUE(says("sleeper", "runs on worker two"));
}

TEST_F(Drain, OfAWorkerWithNothingToDoEndsIt) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  command({"drain", cluster_.name(), "one"});
  EXPECT_EQ(one->wait().status, 0) << one->err();
}

TEST_F(Drain, IsCutShortByAStop) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on worker one"));
  command({"drain", cluster_.name(), "one"});
  command({"stop", cluster_.name(), "one"});
  EXPECT_EQ(one->wait().status, 0) << one->err();
}

}  // namespace
}  // namespace morrow::test
