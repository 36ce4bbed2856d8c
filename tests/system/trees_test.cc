// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

/// Tasks that have started processes which left their session, process group, parent and environment. Whether their
/// program can be forked, or each executor is a process of its own, makes no difference.
class Trees : public testing::TestWithParam<bool> {
 protected:
  static std::string program() { return bin() + "/../test-programs/tree_scenarios"; }
  std::string file() const { return cluster_.folder() + "/left"; }

  Environment how_started() const { return GetParam() ? Environment{} : Environment{{"TEST_NO_FORK", "1"}}; }
  Result run(const std::string& how) { return cluster_.run({program(), how, file()}, how_started()); }
  std::unique_ptr<Process> start(const std::string& how) {
    return cluster_.start({program(), how, file()}, how_started());
  }

  std::vector<pid_t> left() const {
    std::ifstream in(file());
    std::vector<pid_t> pids;
    for (pid_t pid = 0; in >> pid;) pids.push_back(pid);
    return pids;
  }
  testing::AssertionResult all_gone() const {
    const auto pids = left();
    if (pids.size() != 4) return testing::AssertionFailure() << "only " << pids.size() << " were left";
    return end_in_time(pids);
  }

  /// The process that outlives a worker: a fork of it, and nobody's child. 0: none.
  static pid_t undertaker_of(pid_t worker) {
    const auto line = [](const std::filesystem::path& process) {
      std::ifstream file(process / "cmdline");
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const std::filesystem::path proc("/proc");
    const std::string own = line(proc / std::to_string(worker));
    for (const auto& process : std::filesystem::directory_iterator(proc)) {
      std::string name;
      if (std::ifstream(process.path() / "comm") >> name && name == "undertaker" && line(process) == own)
        return std::stoi(process.path().filename());
    }
    return 0;
  }

  Cluster cluster_;
};

TEST_P(Trees, EndWithTheTimeoutOfTheirTask) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  EXPECT_TRUE(has(run("timeout").out, "ran longer than its timeout"));
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWithTheProcessOfTheirTask) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  EXPECT_TRUE(has(run("crash").out, "died of SIGKILL"));
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWhenTheirTaskIsCancelled) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  EXPECT_TRUE(has(run("cancel").out, "cancelled"));
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWithTheSessionOfATaskThatRuns) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  EXPECT_EQ(run("end").status, 0);
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWithTheSessionOfATaskThatReturned) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  EXPECT_EQ(run("return").out, "4\n");
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWhenTheirDriverIsKilled) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = start("hang");
  ASSERT_TRUE(driver->wait_for_text("left"));
  driver->signal(SIGKILL);
  driver->wait();
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWithTheOrderlyEndOfTheirWorker) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = start("hang");
  ASSERT_TRUE(driver->wait_for_text("left"));
  worker->signal(SIGTERM);
  worker->wait();
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWhenTheirWorkerIsKilled) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = start("hang");
  ASSERT_TRUE(driver->wait_for_text("left"));
  const auto below = descendants(worker->pid());
  worker->signal(SIGKILL);
  worker->wait();
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(end_in_time(below)) << "the program is left";
}

TEST_P(Trees, EndWhenTheirWorkerIsKilledWhileTheirProgramIsStopped) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = start("hang");
  ASSERT_TRUE(driver->wait_for_text("left"));
  for (const pid_t pid : descendants(worker->pid())) kill(pid, SIGSTOP);
  worker->signal(SIGKILL);
  worker->wait();
  EXPECT_TRUE(all_gone());
}

TEST_P(Trees, EndWhenTheirWorkerAndItsUndertakerAreKilledTogether) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = start("hang");
  ASSERT_TRUE(driver->wait_for_text("left"));
  const auto below = descendants(worker->pid());
  pid_t undertaker = 0;  // it takes its name when it first runs
  ASSERT_TRUE(eventually([&] { return (undertaker = undertaker_of(worker->pid())) != 0; }));
  kill(undertaker, SIGKILL);
  worker->signal(SIGKILL);
  worker->wait();
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(end_in_time(below)) << "the program is left";
}

TEST_P(Trees, LeaveNoZombiesAndKeepTheEndsOfWhatATaskWaitsForItself) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const Result result = run("forget");
  EXPECT_EQ(result.out, "none is left, its own ended with 7\n") << result.err;
}

TEST_P(Trees, EndWithAPrivateWorkerWhoseDriverIsKilled) {
  const auto driver = cluster_.start({program(), "hang", file()}, [&] {
    Environment alone = how_started();
    alone["MORROW_CLUSTER"] = "";
    return alone;
  }());
  ASSERT_TRUE(driver->wait_for_text("left"));
  driver->signal(SIGKILL);
  driver->wait();
  EXPECT_TRUE(all_gone());
}

TEST(MemoryRunsOut, ExecutorsAndWhatTheyStartedGoFirst) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "1"});
  std::string own;
  std::ifstream("/proc/" + std::to_string(worker->pid()) + "/oom_score_adj") >> own;
  EXPECT_NE(own, "1000");
  const std::string program = bin() + "/../test-programs/tree_scenarios";
  EXPECT_EQ(cluster.run({program, "scores", "-"}).out, "1000 1000 " + own + "\n");
}

class MemoryLimits : public testing::TestWithParam<const char*> {};

TEST_P(MemoryLimits, HoldATaskToWhatItAskedForAndLeaveItsNeighboursAlone) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2", "--memory", "1GiB"});
  const std::string program = bin() + "/../test-programs/tree_scenarios";
  // Little enough under a sanitizer too, which takes some times as much.
  EXPECT_EQ(cluster.run({program, GetParam(), "10"}).out,
            std::string("value ") + (GetParam() == std::string("memory") ? "10" : "0") + "\nneighbour 1\n");
  const Result over = cluster.run({program, GetParam(), "400"});
  EXPECT_TRUE(has(over.out, "out of memory 1 signal 9: it used ")) << over.err;
  EXPECT_TRUE(has(over.out, "more than the 100.0 MiB that it asked for"));
  EXPECT_TRUE(has(over.out, "attempt 1")) << "more attempts would use as much";
  EXPECT_TRUE(has(over.out, "\nneighbour 1\n"));
}

INSTANTIATE_TEST_SUITE_P(OfAllThatItUses, MemoryLimits, testing::Values("memory", "memory below"), [](const auto& how) {
  return how.param == std::string("memory") ? "Itself" : "WhatItStarted";
});

INSTANTIATE_TEST_SUITE_P(OfBothKindsOfPrograms, Trees, testing::Bool(),
                         [](const auto& forks) { return forks.param ? "Forked" : "StartedEach"; });

}  // namespace
}  // namespace morrow::test
