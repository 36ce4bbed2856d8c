// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

TEST(Programs, DifferentOnesAndDifferentArgumentsShareAClusterAndNeverMix) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2"});
  const std::string other = fs::path(scenarios()).parent_path() / "other_program";
  auto first = cluster.start({scenarios(), "argument", "alpha"});
  auto second = cluster.start({scenarios(), "argument", "beta"});
  auto third = cluster.start({other});
  for (auto* driver : {first.get(), second.get(), third.get()}) {
    const Result result = driver->wait();
    EXPECT_EQ(result.out, "same\n") << result.err;
  }
}

TEST(Programs, OneThatNeverReachesItsSessionLineIsAClearError) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2"});
  const Result result = cluster.run({(fs::path(scenarios()).parent_path() / "never_reaches").string()});
  EXPECT_NE(result.out.find("Session line"), std::string::npos) << result.out << result.err;
  EXPECT_NE(result.out.find("status 3"), std::string::npos) << result.out;
}

TEST(Programs, ASecondDriverUploadsNothing) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2"});
  const std::size_t before = cluster.keys_with_image();
  EXPECT_EQ(cluster.run({scenarios(), "fib_task", "3"}).out, "2\n");
  EXPECT_TRUE(eventually([&] { return cluster.keys() <= before; }));
}

TEST(Programs, OneThatWasReplacedWhileItRunsStillRunsItsOwnCode) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const std::string copy = cluster.folder() + "/program";
  fs::copy_file(scenarios(), copy);
  auto driver = cluster.start({copy, "squares", "20", "100"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return descendants(worker->pid()).size() >= 2; }));  // the fork server and an executor
  // A new build at the same path: the executors that start from now on must be of the old one.
  fs::remove(copy);
  fs::copy_file(fs::path(scenarios()).parent_path() / "other_program", copy);
  for (const pid_t pid : descendants(worker->pid())) kill(pid, SIGKILL);
  const Result result = driver->wait();
  EXPECT_NE(result.out.find("sum 2470"), std::string::npos) << result.out << result.err;
}

TEST(Programs, FindWhatLiesBesideTheBinary) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  const Result result = cluster.run({scenarios(), "beside"});
  EXPECT_EQ(result.out, fs::canonical(scenarios()).string() + "\n") << result.err;
}

TEST(Programs, RunsWithOtherArgumentsEachLeaveNoProcess) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2"});
  for (int i = 0; i < 8; ++i) {
    const Result result = cluster.run({scenarios(), "argument", "run" + std::to_string(i)});
    EXPECT_EQ(result.out, "same\n") << result.err;
  }
  EXPECT_TRUE(eventually([&] { return descendants(worker->pid()).empty(); }, std::chrono::seconds(60)));
  EXPECT_EQ(cluster.run({scenarios(), "argument", "again"}).out, "same\n");
}

}  // namespace
}  // namespace morrow::test
