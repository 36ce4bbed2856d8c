// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "worker/pool/process/visible_devices.h"

namespace {

namespace fs = std::filesystem;

using morrow::worker::VisibleDevices;

using Variables = std::map<std::string, std::string>;

VisibleDevices devices_of(const Variables& variables, std::optional<unsigned> asked = {},
                          VisibleDevices::Machine machine = {}) {
  const auto environment = [&variables](const char* variable) -> std::optional<std::string> {
    const auto found = variables.find(variable);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
  return {environment, machine, asked};
}

/// The variables that a process has which gets these devices.
Variables seen_by(const VisibleDevices& devices, const std::vector<unsigned>& numbers) {
  Variables seen;
  for (const auto& [name, value] : devices.settings(numbers)) {
    if (value) seen[name] = *value;
  }
  return seen;
}

TEST(VisibleDevices, AreThoseThatTheEnvironmentNames) {
  for (const char* list :
       {"4,5", " 4 , 5 ", "GPU-8f0a,GPU-77", "MIG-GPU-8f0a/1/0,MIG-77", "4,5,-1,6", "4,5,,6", "4,5,4,6", "4,5,six,7"}) {
    EXPECT_EQ(devices_of({{"CUDA_VISIBLE_DEVICES", list}}).count(), 2u) << list;
  }
  for (const char* list : {"", "-1", "NoDevFiles", "none", "void", ","}) {
    EXPECT_EQ(devices_of({{"CUDA_VISIBLE_DEVICES", list}}, {}, {.nvidia = 8}).count(), 0u) << list;
  }
  EXPECT_EQ(devices_of({{"HIP_VISIBLE_DEVICES", "2,3,4"}}).count(), 3u);
  EXPECT_EQ(devices_of({{"ROCR_VISIBLE_DEVICES", "2"}}).count(), 1u);
  EXPECT_EQ(devices_of({{"CUDA_VISIBLE_DEVICES", ""}, {"HIP_VISIBLE_DEVICES", "2,3"}}).count(), 2u);
}

TEST(VisibleDevices, AreThoseOfTheMachineWhereTheEnvironmentNamesNone) {
  EXPECT_EQ(devices_of({}).count(), 0u);
  EXPECT_EQ(devices_of({}, {}, {.nvidia = 4}).count(), 4u);
  EXPECT_EQ(devices_of({}, {}, {.amd = 2}).count(), 2u);
  EXPECT_EQ(devices_of({}, 1, {.nvidia = 4}).count(), 1u);
  EXPECT_EQ(devices_of({}, 0, {.nvidia = 4}).count(), 0u);
  EXPECT_EQ(devices_of({}, 3).count(), 3u);
}

TEST(VisibleDevices, MoreThanTheEnvironmentNamesAreRefused) {
  EXPECT_EQ(devices_of({{"CUDA_VISIBLE_DEVICES", "4,5"}}, 1).count(), 1u);
  try {
    devices_of({{"CUDA_VISIBLE_DEVICES", "4,5"}}, 3);
    FAIL() << "three of two";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()),
              "--gpus asks for 3, but CUDA_VISIBLE_DEVICES=4,5 names 2: ask for no more than that");
  }
  EXPECT_THROW(devices_of({{"HIP_VISIBLE_DEVICES", ""}}, 1, {.amd = 8}), std::invalid_argument);
  EXPECT_THROW(devices_of({}, 1'000'000), std::invalid_argument) << "no machine has so many";
}

TEST(VisibleDevices, AProcessSeesItsOwnUnderTheirNames) {
  const auto cuda = devices_of({{"CUDA_VISIBLE_DEVICES", "4,MIG-77,6"}});
  EXPECT_EQ(seen_by(cuda, {0}), (Variables{{"CUDA_VISIBLE_DEVICES", "4"}}));
  EXPECT_EQ(seen_by(cuda, {1, 2}), (Variables{{"CUDA_VISIBLE_DEVICES", "MIG-77,6"}}));
  const auto hip = devices_of({{"HIP_VISIBLE_DEVICES", "2,3"}});
  EXPECT_EQ(seen_by(hip, {1}), (Variables{{"HIP_VISIBLE_DEVICES", "3"}}));
  const auto rocr = devices_of({{"ROCR_VISIBLE_DEVICES", "2,3"}});
  EXPECT_EQ(seen_by(rocr, {1}), (Variables{{"ROCR_VISIBLE_DEVICES", "3"}}));
  const auto both = devices_of({{"CUDA_VISIBLE_DEVICES", "4,5"}, {"HIP_VISIBLE_DEVICES", "6,7"}});
  EXPECT_EQ(seen_by(both, {1}), (Variables{{"CUDA_VISIBLE_DEVICES", "5"}, {"HIP_VISIBLE_DEVICES", "7"}}));
  const auto nvidia = devices_of({}, {}, {.nvidia = 2});
  EXPECT_EQ(seen_by(nvidia, {1}), (Variables{{"CUDA_VISIBLE_DEVICES", "1"}}));
  const auto amd = devices_of({}, {}, {.amd = 2});
  EXPECT_EQ(seen_by(amd, {1}), (Variables{{"HIP_VISIBLE_DEVICES", "1"}}));
}

TEST(VisibleDevices, WhatHipCountsLiesWithinWhatRocrLeaves) {
  const auto devices = devices_of({{"ROCR_VISIBLE_DEVICES", "4,5,6"}, {"HIP_VISIBLE_DEVICES", "2,0"}});
  EXPECT_EQ(devices.count(), 2u);
  EXPECT_EQ(seen_by(devices, {0}), (Variables{{"ROCR_VISIBLE_DEVICES", "6"}}));
  EXPECT_EQ(seen_by(devices, {0, 1}), (Variables{{"ROCR_VISIBLE_DEVICES", "6,4"}}));
  // HIP reads CUDA's variable where its own is not set.
  const Variables as_cuda{{"ROCR_VISIBLE_DEVICES", "4,5"}, {"CUDA_VISIBLE_DEVICES", "1"}};
  EXPECT_EQ(seen_by(devices_of(as_cuda, {}, {.amd = 8}), {0}), (Variables{{"ROCR_VISIBLE_DEVICES", "5"}}));
}

TEST(VisibleDevices, ABatchSystemMayNameThemForAllMakersAtOnce) {
  const auto devices =
      devices_of({{"CUDA_VISIBLE_DEVICES", "4,5"}, {"ROCR_VISIBLE_DEVICES", "4,5"}, {"GPU_DEVICE_ORDINAL", "4,5"}}, {},
                 {.nvidia = 8});
  EXPECT_EQ(devices.count(), 2u);
  EXPECT_EQ(seen_by(devices, {1}), (Variables{{"CUDA_VISIBLE_DEVICES", "5"}, {"ROCR_VISIBLE_DEVICES", "5"}}));
}

/// A folder that looks like the root of a machine.
class DevicesOfMachine : public testing::Test {
 protected:
  ~DevicesOfMachine() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  const fs::path root_ = fs::temp_directory_path() / ("morrow-machine-" + std::to_string(getpid()));
};

TEST_F(DevicesOfMachine, AreTheDeviceFilesOfNvidiasDriver) {
  for (const char* file : {"nvidia0", "nvidia3", "nvidia11", "nvidiactl", "nvidia-uvm", "nvidia", "null"})
    write(std::string("dev/") + file, "");
  EXPECT_EQ(morrow::worker::devices_of_machine(root_).nvidia, 3u);
  EXPECT_EQ(morrow::worker::devices_of_machine(root_).amd, 0u);
}

TEST_F(DevicesOfMachine, AreWhatComputesByAmdsTableAndIsNoProcessor) {
  for (const auto& [node, id] : {std::pair{"0", "0"}, std::pair{"1", "51054"}, std::pair{"2", "3245"}})
    write(std::string("sys/class/kfd/kfd/topology/nodes/") + node + "/gpu_id", std::string(id) + "\n");
  EXPECT_EQ(morrow::worker::devices_of_machine(root_).amd, 2u);
}

TEST_F(DevicesOfMachine, AreNoneWhereThereAreNoSuchFiles) {
  EXPECT_EQ(morrow::worker::devices_of_machine(root_).nvidia, 0u);
  EXPECT_EQ(morrow::worker::devices_of_machine(root_).amd, 0u);
}

TEST(VisibleDevices, WhereSomeAreHandedOutAProcessWithNoneSeesNone) {
  const Variables none = seen_by(devices_of({{"CUDA_VISIBLE_DEVICES", "4,5"}}), {});
  EXPECT_EQ(none.at("CUDA_VISIBLE_DEVICES"), "");
  EXPECT_EQ(none.at("HIP_VISIBLE_DEVICES"), "-1");
  EXPECT_EQ(none.at("ROCR_VISIBLE_DEVICES"), "-1");
  // A worker that hands out none leaves it to the program.
  EXPECT_TRUE(devices_of({}, 0, {.nvidia = 4}).settings({}).empty());
}

}  // namespace
