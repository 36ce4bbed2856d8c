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
const Environment kNone{{"OMP_NUM_THREADS", ""}, {"OPENBLAS_NUM_THREADS", ""}};

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

/// The sanitizer does not know of the threads of OpenMP's library, and takes what they do for races.
bool is_blind_to_openmp() {
#ifdef __SANITIZE_THREAD__
  return true;
#else
  return false;
#endif
}

TEST_P(Devices, LibrariesStartAsManyThreadsAsTheTaskHasCpus) {
  if (is_blind_to_openmp()) GTEST_SKIP() << "under this sanitizer";
  const Result result = run("threads", kNone);
  EXPECT_EQ(result.out,
            "1: 1 of '1' '1'\n0.5: 1 of '1' '1'\n3: 3 of '3' '3'\n2: 2 of '2' '2'\n1: 1 of '1' '1'\n"
            "its own: 4 of '2' '2'\nthe next: 2 of '2' '2'\nnested: 2 of '2' '2', then 3 of '3' '3'\n")
      << result.err;
  EXPECT_FALSE(has(result.err, "behind")) << "the threads that a library keeps are nothing that a task left";
}

TEST_P(Devices, TheUsersNumberOfThreadsStays) {
  if (is_blind_to_openmp()) GTEST_SKIP() << "under this sanitizer";
  const Result result = run("threads", {{"OMP_NUM_THREADS", "2"}});
  EXPECT_TRUE(has(result.out, "1: 2 of '2' unset\n")) << result.err;
  EXPECT_TRUE(has(result.out, "3: 2 of '2' unset\n")) << result.err;
}

TEST_P(Devices, AProcessWhoseTaskUsedManyThreadsIsUsedAgain) {
  if (is_blind_to_openmp()) GTEST_SKIP() << "under this sanitizer";
  EXPECT_EQ(run("process", kNone).out, "the same process\n");
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
