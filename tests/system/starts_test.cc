// SPDX-License-Identifier: Apache-2.0
// Programs that do not start everywhere, or not at once.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

std::string fragile() { return (std::filesystem::path(scenarios()).parent_path() / "fragile").string(); }

std::string marker(const Cluster& cluster) {
  std::string file = cluster.folder() + "/marker";
  std::ofstream(file) << "once";
  return file;
}

TEST(Starts, OneKillOfAStartingProgramFailsNothing) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "4"});
  const std::string file = marker(cluster);
  const Result result = cluster.run({fragile(), "killed", file, "1000"});
  EXPECT_TRUE(has(result.out, "good 1000 bad 0")) << result.err;
  EXPECT_FALSE(std::filesystem::exists(file)) << "nothing was killed";
}

TEST(Starts, AProgramThatIsStoppedWhileItStartsIsStartedAgain) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "4"});
  const std::string file = marker(cluster);
  const Result result = cluster.run({fragile(), "stopped", file, "1000"});
  EXPECT_TRUE(has(result.out, "good 1000 bad 0")) << result.err;
  EXPECT_FALSE(std::filesystem::exists(file)) << "nothing was stopped";
}

TEST(Starts, AWorkerThatCannotStartAProgramLeavesItsWorkToTheOthersAndSaysSo) {
  Cluster cluster;
  const auto bad = cluster.worker({"--cpus", "4", "--name", "bad"});
  const auto good = cluster.worker({"--cpus", "1", "--name", "good"});
  auto driver = cluster.start({fragile(), "unloadable", "bad", "4000"});
  // Not while it tries again.
  EXPECT_TRUE(cluster.wait_for_status("worker bad can't start a program"));
  EXPECT_TRUE(cluster.wait_for_status("libfoo.so.1: cannot open shared object file"));
  const Result result = driver->wait();
  EXPECT_TRUE(has(result.out, "good 4000 bad 0")) << result.err;
}

TEST(Starts, AProgramThatNoWorkerCanStartFailsWithTheReasonOfEach) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one", "--resource", "bad=1"});
  const auto two = cluster.worker({"--cpus", "1", "--name", "two", "--resource", "bad=1"});
  // Both workers have the word on their command lines.
  const Result result = cluster.run({fragile(), "unloadable", "bad=1", "300"});
  EXPECT_TRUE(has(result.out, "good 0 bad 300")) << result.err;
  EXPECT_TRUE(
      has(result.out,
          "worker one: program fragile can't be loaded on this machine: libfoo.so.1 is missing (error while loading"));
  EXPECT_TRUE(
      has(result.out,
          "worker two: program fragile can't be loaded on this machine: libfoo.so.1 is missing (error while loading"));
}

TEST(Starts, AForkServerThatIsStoppedIsReplaced) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  auto driver = cluster.start({scenarios(), "squares", "40", "50"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return descendants(worker->pid()).size() >= 2; }));
  const auto all = descendants(worker->pid());
  kill(all.front(), SIGSTOP);
  for (std::size_t i = 1; i < all.size(); ++i) kill(all[i], SIGKILL);
  const Result result = driver->wait();
  EXPECT_FALSE(result.timed_out) << "it hangs";
  EXPECT_TRUE(has(result.out, "sum 20540")) << result.err;
}

}  // namespace
}  // namespace morrow::test
