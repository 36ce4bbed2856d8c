// SPDX-License-Identifier: Apache-2.0
// What is left in worker.log when nobody looked.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

class Log : public Stage {
 protected:
  std::string log_of(const std::string& worker) const {
    std::stringstream text;
    text << std::ifstream(cluster_.folder() + "/home/" + cluster_.name() + "/logs/" + worker + "/worker.log").rdbuf();
    return text.str();
  }
  testing::AssertionResult tells(const std::string& worker, const std::string& text) const {
    if (eventually([&] { return log_of(worker).find(text) != std::string::npos; })) return testing::AssertionSuccess();
    return has(log_of(worker), text);
  }
};

TEST_F(Log, HasALineForATaskThatFailed) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("gone");
  EXPECT_TRUE(tells("one", "'short-lived' failed: std::runtime_error: row 7 is not a number (worker one, attempt 1)"));
}

TEST_F(Log, HasALineForEachCrashAndSaysThatItIsTriedAgain) {
  cluster_.expect_crashes();
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("retries");
  EXPECT_TRUE(tells("one", "signal 11 (Segmentation fault)"));
  EXPECT_TRUE(tells("one", "(worker one, attempt 2); it is tried again"));
}

TEST_F(Log, HasALineForATaskThatRanTooLong) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  const auto driver = stage("times_out");
  EXPECT_TRUE(tells("one", "'slow' failed: it ran longer than its timeout"));
}

TEST_F(Log, TellsOfWorkersThatJoinLeaveAndDieByTheirNames) {
  const auto one = cluster_.worker({"--cpus", "1", "--name", "one"});
  auto two = cluster_.worker({"--cpus", "1", "--name", "two"});
  EXPECT_TRUE(tells("one", "worker two (process " + std::to_string(two->pid()) + " on "));
  EXPECT_TRUE(tells("one", ") has joined"));
  two->signal(SIGKILL);
  EXPECT_TRUE(tells("one", "worker two has died (its process is gone) and is evicted"));
  const auto three = cluster_.worker({"--cpus", "1", "--name", "three"});
  ASSERT_TRUE(tells("one", "worker three (process "));
  three->signal(SIGTERM);
  EXPECT_TRUE(tells("one", "worker three has left"));
}

}  // namespace
}  // namespace morrow::test
