// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

std::string process_scenarios() { return fs::path(scenarios()).parent_path() / "process_scenarios"; }

/// A cluster with one worker, and a file of one number.
class SessionProcesses : public testing::Test {
 protected:
  void write(int number) const { std::ofstream(file) << number; }

  Cluster cluster;
  std::unique_ptr<Process> worker = cluster.worker({"--cpus", "2"});
  const std::string file = cluster.folder() + "/number";
};

TEST_F(SessionProcesses, ARunFindsNothingThatTheTasksOfAnEarlierOneKept) {
  for (const int number : {6, 60}) {
    write(number);
    const Result result = cluster.run({process_scenarios(), "first_number", file});
    EXPECT_EQ(result.out, std::to_string(number) + "\n") << result.err;
  }
}

TEST_F(SessionProcesses, WhatMainReadsBeforeItsSessionLineIsReadAnewInEachRun) {
  for (const int number : {6, 60}) {
    write(number);
    const Result result = cluster.run({process_scenarios(), "configuration", file});
    EXPECT_EQ(result.out, std::to_string(number) + "\n") << result.err;
  }
}

TEST_F(SessionProcesses, TheyEndWithTheirSession) {
  write(1);
  EXPECT_EQ(cluster.run({process_scenarios(), "first_number", file}).out, "1\n");
  EXPECT_TRUE(eventually([&] { return descendants(worker->pid()).empty(); }));
}

}  // namespace
}  // namespace morrow::test
