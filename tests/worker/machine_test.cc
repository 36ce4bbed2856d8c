// SPDX-License-Identifier: Apache-2.0
#include "worker/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include "wire/addresses.h"
#include "wire/paths.h"

namespace morrow::worker {
namespace {

using wire::is_loopback;

TEST(Machine, HasSomethingToGiveAndANameThatFits) {
  EXPECT_GE(machine_cpu_micro(ControlGroups()), 1'000'000U);
  EXPECT_GE(machine_memory_bytes(ControlGroups()), 1U << 20);
  EXPECT_NO_THROW(wire::check_name("worker", machine_name()));
}

/// Files as the kernel shows them, for a machine that it is not.
class ControlGroupsTest : public testing::Test {
 protected:
  ControlGroupsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "morrow-groups-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root_ = name;
  }
  ~ControlGroupsTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path whole = root_ + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  ControlGroups groups() const { return ControlGroups(root_); }

  std::string root_;
};

TEST_F(ControlGroupsTest, TheSmallestLimitOfThePathCountsWhereverItStands) {
  write("/proc/self/cgroup", "0::/batch/job/step\n");
  write("/sys/fs/cgroup/batch/memory.max", "3000000\n");
  write("/sys/fs/cgroup/batch/job/memory.max", "9000000\n");
  write("/sys/fs/cgroup/batch/job/step/memory.max", "max\n");
  write("/sys/fs/cgroup/batch/cpu.max", "400000 100000\n");
  write("/sys/fs/cgroup/batch/job/cpu.max", "150000 100000\n");
  write("/sys/fs/cgroup/batch/job/step/cpu.max", "max 100000\n");
  EXPECT_EQ(groups().memory_limit(), 3'000'000U);
  EXPECT_EQ(groups().cpu_limit(), 1.5);
  EXPECT_EQ(machine_memory_bytes(groups()), 3'000'000U);
}

TEST_F(ControlGroupsTest, OfVersion1AreReadWithTheirNestedGroups) {
  write("/proc/self/cgroup", "4:memory:/batch/job\n3:cpu,cpuacct:/batch\n0::/\n");
  std::filesystem::create_directories(root_ + "/sys/fs/cgroup/unified");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/memory/batch/memory.limit_in_bytes", "5000000\n");
  write("/sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes", "9223372036854771712\n");
  write("/sys/fs/cgroup/cpu/batch/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu/batch/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(groups().memory_limit(), 5'000'000U);
  EXPECT_EQ(groups().cpu_limit(), 2.0);
}

TEST_F(ControlGroupsTest, APathOfTheHostThatIsNotMountedLeavesTheLimitsOfTheContainer) {
  write("/proc/self/cgroup", "0::/kubepods/pod7/container3\n");
  write("/sys/fs/cgroup/memory.max", "4000000\n");
  EXPECT_EQ(groups().memory_limit(), 4'000'000U);
}

TEST_F(ControlGroupsTest, WithoutAnyThereIsNoLimit) {
  EXPECT_EQ(groups().memory_limit(), std::nullopt);
  EXPECT_EQ(groups().cpu_limit(), std::nullopt);
  EXPECT_EQ(groups().memory_kills(), 0U);
}

TEST_F(ControlGroupsTest, HalfAProcessorIsOfferedAsOne) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(groups().cpu_limit(), 0.5);
  EXPECT_EQ(machine_cpu_micro(groups()), 1'000'000U);
}

TEST_F(ControlGroupsTest, TheKillsOfTheOwnGroupCountAndElseThoseOfTheMachine) {
  write("/proc/vmstat", "pgfault 77\noom_kill 5\n");
  EXPECT_EQ(groups().memory_kills(), 5U);
  write("/proc/self/cgroup", "4:memory:/job\n");
  write("/sys/fs/cgroup/memory/job/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
  EXPECT_EQ(groups().memory_kills(), 3U);
  write("/proc/self/cgroup", "0::/job\n");
  write("/sys/fs/cgroup/job/memory.events", "low 0\nhigh 0\nmax 8\noom 2\noom_kill 2\n");
  EXPECT_EQ(groups().memory_kills(), 2U);
}

TEST(Machine, ObjectMemoryLiesInsideOfWhatTasksAndValuesMayUse) {
  EXPECT_EQ(object_memory_of(1'000), 300U);
  EXPECT_EQ(task_memory_of(1'000, 300), 500U);
  EXPECT_EQ(task_memory_of(1'000, 700), 100U);
  EXPECT_EQ(task_memory_of(1'000, 900), 100U) << "something is left for tasks";
}

TEST(Address, WhatOthersReachIsNeverAllAddressesNorLoopback) {
  EXPECT_EQ(wire::reachable_address("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(wire::reachable_address("127.0.0.1"), "127.0.0.1");
  for (const char* any : {"0.0.0.0", "::"}) EXPECT_FALSE(is_loopback(wire::reachable_address(any)));
}

TEST(Address, OnlyLoopbackIsTakenForLoopback) {
  EXPECT_TRUE(is_loopback("127.0.0.1"));
  EXPECT_TRUE(is_loopback("127.8.9.10"));
  EXPECT_TRUE(is_loopback("::1"));
  EXPECT_TRUE(is_loopback("localhost"));
  EXPECT_FALSE(is_loopback("0.0.0.0"));
  EXPECT_FALSE(is_loopback("::"));
  EXPECT_FALSE(is_loopback("10.1.2.3"));
  EXPECT_FALSE(is_loopback("example"));
  EXPECT_FALSE(is_loopback("::ffff:10.1.2.3"));
}

}  // namespace
}  // namespace morrow::worker
