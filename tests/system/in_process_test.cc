// SPDX-License-Identifier: Apache-2.0
// The same programs on a cluster, and in one process: what they print and what they are told is the same.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

class BothWays : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  /// A program of the tests and its arguments; the last one it gets is an empty folder.
  Result run(const Environment& more) {
    std::vector<std::string> arguments = GetParam();
    arguments.front() = (std::filesystem::path(scenarios()).parent_path() / arguments.front()).string();
    const std::string folder = cluster_.folder() + "/made";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    arguments.push_back(folder);
    return cluster_.run(arguments, more);
  }
  Cluster cluster_;
};

/// There is no worker in one process, so failures name none.
std::string without_worker(const std::string& text) {
  return std::regex_replace(text, std::regex(", worker \\w+"), "");
}

TEST_P(BothWays, SayTheSame) {
  const Result here = run({{"MORROW_IN_PROCESS", "1"}});
  const auto worker = cluster_.worker({"--name", "one", "--cpus", "2"});
  const Result there = run({{"MORROW_IN_PROCESS", "0"}});
  EXPECT_EQ(here.status, there.status);
  EXPECT_EQ(here.out, without_worker(there.out));
  EXPECT_EQ(here.err, without_worker(there.err));
}

INSTANTIATE_TEST_SUITE_P(Programs, BothWays,
                         testing::Values(std::vector<std::string>{"scenarios", "values"},
                                         std::vector<std::string>{"scenarios", "fib", "10"},
                                         std::vector<std::string>{"scenarios", "chain", "50"},
                                         std::vector<std::string>{"scenarios", "dependency"},
                                         std::vector<std::string>{"scenarios", "too_large"},
                                         std::vector<std::string>{"scenarios", "unlooked"},
                                         std::vector<std::string>{"error_scenarios", "released"},
                                         std::vector<std::string>{"error_scenarios", "looked_at_all"},
                                         std::vector<std::string>{"error_scenarios", "looked_at_none"},
                                         std::vector<std::string>{"error_scenarios", "waited_for"},
                                         std::vector<std::string>{"error_scenarios", "waited_for_in_a_task"}),
                         [](const auto& job) { return job.param[0] + "_" + job.param[1]; });

}  // namespace
}  // namespace morrow::test
