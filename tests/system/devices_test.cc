// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

/// The environment variables that name devices, for a worker of its own or that of a driver.
const Environment kTwo{{"CUDA_VISIBLE_DEVICES", "4,5"}};

/// Programs with a worker of a cluster, and with a private one.
class Devices : public testing::TestWithParam<bool> {
 protected:
  /// The worker has `environment`, and the driver too.
  Result run(const std::string& job, Environment environment, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"--cpus", "4"});
    if (GetParam()) {
      environment["MORROW_CLUSTER"] = "";
    } else {
      worker_ = cluster_.worker(options, environment);
    }
    const std::string folder = cluster_.folder() + "/meeting";
    fs::create_directories(folder);
    return cluster_.run({(fs::path(scenarios()).parent_path() / "device_scenarios").string(), job, folder},
                        environment);
  }
  Cluster cluster_;
  std::unique_ptr<Process> worker_;
};

TEST_P(Devices, AWorkerHandsOutThoseThatItWasGivenUnderTheirNames) {
  const Result result = run("two devices", kTwo);
  EXPECT_EQ(result.out, "'4' '5' \n") << result.err;
}

TEST_P(Devices, NamesGoOnAsTheyCame) {
  const Result result = run("devices", {{"CUDA_VISIBLE_DEVICES", "GPU-8f0a,MIG-77,-1,3"}});
  EXPECT_EQ(result.out, "'GPU-8f0a,MIG-77'\n") << result.err;
}

TEST_P(Devices, ATaskThatAsksForNoneSeesNone) {
  const Result result = run("no device", {{"CUDA_VISIBLE_DEVICES", "7"}});
  EXPECT_EQ(result.out, "with '7', after it '', inside of it '', around it '7' ''\n") << result.err;
}

TEST_P(Devices, SharesOfOneNthAddUpToOne) {
  const Result result = run("shares", {{"CUDA_VISIBLE_DEVICES", "7"}});
  EXPECT_EQ(result.out, "6 at once\n") << result.err;
}

INSTANTIATE_TEST_SUITE_P(, Devices, testing::Bool(),
                         [](const auto& parameters) { return parameters.param ? "OfAPrivateWorker" : "OfACluster"; });

TEST(DevicesOfASession, AreTakenFromThoseOfItsEnvironment) {
  Cluster cluster;
  const std::string program = (fs::path(scenarios()).parent_path() / "device_scenarios").string();
  Environment environment = kTwo;
  environment["MORROW_CLUSTER"] = "";
  EXPECT_EQ(cluster.run({program, "two of them", cluster.folder()}, environment).out, "'4' '5' \n");
  const Result result = cluster.run({program, "three of two", cluster.folder()}, environment);
  EXPECT_TRUE(has(result.err, "--gpus asks for 3, but CUDA_VISIBLE_DEVICES=4,5 names 2: ask for no more"));
  EXPECT_TRUE(has(result.out, "what it said stands above"));
}

}  // namespace
}  // namespace morrow::test
