// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
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

namespace fs = std::filesystem;

/// A control group of a test's own, removed at its end with all that is in it and below.
class TestGroup {
 public:
  explicit TestGroup(const fs::path& parent) : folder_(parent / ("morrow-test-" + std::to_string(getpid()))) {
    std::error_code error;
    made_ = fs::exists(parent / "cgroup.procs") && fs::create_directory(folder_, error);
  }
  ~TestGroup() {
    if (!made_) return;
    for (const fs::path& below : groups()) eventually([&] { return rmdir(below.c_str()) == 0 || !fs::exists(below); });
    eventually([&] { return rmdir(folder_.c_str()) == 0; });
  }
  TestGroup(const TestGroup&) = delete;
  TestGroup& operator=(const TestGroup&) = delete;

  bool made() const { return made_; }
  bool write(const std::string& file, const std::string& text) const {
    std::ofstream out(folder_ / file);
    out << text << std::flush;
    return out.good();
  }
  /// Marks it as systemd does.
  bool delegate() const { return setxattr(folder_.c_str(), "trusted.delegate", "1", 1, 0) == 0; }
  std::vector<fs::path> groups() const {
    std::vector<fs::path> all;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.is_directory()) all.push_back(entry.path());
    }
    return all;
  }
  std::size_t executors() const {
    const auto all = groups();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const fs::path& one) {
      return one.filename().string().starts_with("morrow-executor-");
    }));
  }
  /// A worker that is in it from its start.
  std::unique_ptr<Process> worker(Cluster& cluster, std::vector<std::string> options) const {
    options.insert(options.begin(), {"/bin/sh", "-c", "echo $$ > $0/cgroup.procs && exec \"$@\"", folder_.string(),
                                     bin() + "/morrow", "worker", cluster.name()});
    auto process = cluster.start(options);
    EXPECT_TRUE(process->wait_for_text("is ready")) << process->err();
    return process;
  }

 private:
  fs::path folder_;
  bool made_ = false;
};

/// Where groups of version 2 are mounted: alone, or beside version 1.
fs::path version_2() {
  const fs::path mounted = "/sys/fs/cgroup";
  return fs::exists(mounted / "unified") ? mounted / "unified" : mounted;
}

std::string trees() { return bin() + "/../test-programs/tree_scenarios"; }

class Delegated : public testing::Test {
 protected:
  void SetUp() override {
    if (!group_.made()) GTEST_SKIP() << "no control group can be made in " << version_2();
    if (!group_.delegate()) GTEST_SKIP() << "a control group can't be marked as delegated here";
  }
  std::unique_ptr<Process> worker() { return group_.worker(cluster_, {"--cpus", "1"}); }
  std::unique_ptr<Process> hanging_driver() {
    auto driver = cluster_.start({trees(), "hang", cluster_.folder() + "/left"});
    EXPECT_TRUE(driver->wait_for_text("left"));
    return driver;
  }

  TestGroup group_{version_2()};
  Cluster cluster_;
};

TEST_F(Delegated, EachExecutorHasAGroupAndNoneIsLeft) {
  const auto worker = this->worker();
  const auto driver = hanging_driver();
  EXPECT_EQ(group_.executors(), 1u);
  driver->signal(SIGKILL);
  driver->wait();
  EXPECT_TRUE(eventually([&] { return group_.executors() == 0; }));
  worker->signal(SIGTERM);
  EXPECT_EQ(worker->wait().status, 0);
  EXPECT_TRUE(group_.groups().empty()) << "the group is as it was found";
}

TEST_F(Delegated, WhatAWorkerThatWasKilledHasLeftGoesWithTheNextOne) {
  auto worker = this->worker();
  const auto driver = hanging_driver();
  worker->signal(SIGKILL);
  worker->wait();
  EXPECT_TRUE(eventually([&] {  // as who started it does: systemd
    group_.write("cgroup.subtree_control", "-memory");
    return group_.executors() == 1;
  }));
  worker = this->worker();
  EXPECT_TRUE(eventually([&] { return group_.executors() == 0; }));
}

TEST_F(Delegated, MemoryIsALimitOfTheKernelWhereItIsDelegated) {
  std::ifstream controllers(version_2() / "cgroup.controllers");
  const std::string all(std::istreambuf_iterator<char>(controllers), {});
  if (!has(all, "memory")) GTEST_SKIP() << "version 2 has no memory on this machine: " << all;
  const auto worker = group_.worker(cluster_, {"--cpus", "2", "--memory", "1GiB"});
  const Result over = cluster_.run({trees(), "memory", "400"});
  EXPECT_TRUE(has(over.out, "out of memory 1 signal 9: it used ")) << over.err;
}

TEST(Undelegated, AGroupThatIsNotDelegatedIsLeftAlone) {
  const TestGroup group(version_2());
  if (!group.made()) GTEST_SKIP() << "no control group can be made in " << version_2();
  if (geteuid() != 0) GTEST_SKIP() << "what belongs to a plain user is delegated to him";
  Cluster cluster;
  const auto worker = group.worker(cluster, {"--cpus", "1"});
  EXPECT_TRUE(group.groups().empty());
}

TEST(HalfACpu, IsOfferedAsOneThatRunsDefaultTasksOneAtATime) {
  const bool first = fs::exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") || fs::exists("/sys/fs/cgroup/cpu/cgroup.procs");
  const TestGroup group(first ? fs::path("/sys/fs/cgroup/cpu") : version_2());
  if (!group.made()) GTEST_SKIP() << "no control group for processors can be made here";
  const bool limited = first ? group.write("cpu.cfs_period_us", "100000") && group.write("cpu.cfs_quota_us", "50000")
                             : group.write("cpu.max", "50000 100000");
  if (!limited) GTEST_SKIP() << "the processors of a control group can't be limited here";
  Cluster cluster;
  const auto worker = group.worker(cluster, {"--memory", "1GiB", "--object-memory", "100MiB"});
  EXPECT_TRUE(has(cluster.status(), "1 cpu")) << cluster.status();
  EXPECT_EQ(cluster.run({trees(), "alone", cluster.folder() + "/lock"}).out, "one at a time\n");
}

}  // namespace
}  // namespace morrow::test
