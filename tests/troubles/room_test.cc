// SPDX-License-Identifier: Apache-2.0
// Troubles with values: no room for them, or lost.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

using Room = Stage;

TEST_F(Room, ATaskThatWaitsForItIsToldWhoHoldsIt) {
  const auto worker = cluster_.worker({"--cpus", "2", "--name", "one", "--object-memory", "64MiB"});
  const auto driver = stage("room");
  EXPECT_TRUE(says("wants", "and waits for 50 MB of room in the object memory of worker one, which has 67 MB"));
  EXPECT_TRUE(says("wants", "; held are 50 MB by future "));
  EXPECT_TRUE(says("wants", "'holder' (process "));
}

TEST_F(Room, ADriverThatWaitsForItSaysWhoHoldsIt) {
  const auto worker = cluster_.worker({"--cpus", "2", "--name", "one", "--object-memory", "64MiB"});
  const auto driver = stage("own_room");
  EXPECT_TRUE(
      driver->wait_for_text("still waiting: this program waits for 50 MB of room in the object memory of "
                            "worker one"))
      << driver->err();
  EXPECT_TRUE(driver->wait_for_text("'holder' (process ")) << driver->err();
}

TEST_F(Room, AValueThatIsLostWithItsHolderIsSaidToBeComputedAgain) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one", "--resource", "here=1"});
  const auto two = cluster_.worker({"--cpus", "1", "--name", "two", "--resource", "there=1"});
  const auto driver = stage("rebuilt");
  ASSERT_TRUE(driver->wait_for_text("committed")) << driver->err();
  two->signal(SIGKILL);
  const auto three = cluster_.worker({"--cpus", "1", "--name", "three", "--resource", "there=1"});
  ASSERT_TRUE(eventually([&] { return !has(cluster_.status(), "two"); }));
  std::ofstream(cluster_.folder() + "/go") << "go";
  EXPECT_TRUE(says("user", "'maker', which runs on worker three (process "));
  EXPECT_TRUE(says("user", "(its value was lost, and is computed again)"));
}

}  // namespace
}  // namespace morrow::test
