// SPDX-License-Identifier: Apache-2.0
// Programs say any byte, wherever they may say something, and no session ends by it.
#include <algorithm>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

/// As the program odd_bytes says it, and as it is shown.
const std::string kOdd = "caf\xe9 \xe2\x82 \033[2J\n\xff";
const std::string kShown = "caf\\xe9 \\xe2\\x82 \\x1b[2J\\n\\xff";

std::string odd_bytes_program() { return (fs::path(scenarios()).parent_path() / "odd_bytes").string(); }

bool has_control_characters(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < 0x20 && c != '\n') || c == 0x7f; });
}

/// A cluster with one worker, or none and sessions with a worker of their own.
class OddBytes : public ::testing::TestWithParam<bool> {
 protected:
  OddBytes() {
    if (GetParam()) worker_ = cluster_.worker({"--cpus", "2", "--resource", kOdd + "=1"});
  }
  Environment of_session() const { return {{"MORROW_CLUSTER", GetParam() ? cluster_.name() : ""}}; }

  Cluster cluster_;
  std::unique_ptr<Process> worker_;
};

TEST_P(OddBytes, WhatTasksPrintArrivesAsItIs) {
  const Result result = cluster_.run({odd_bytes_program(), "print"}, of_session());
  EXPECT_TRUE(has(result.out, "returned 1 and 2\n")) << result.err;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    if (byte != '\n' && byte != '\r') all += static_cast<char>(byte);
  }
  for (const std::string& stream : {result.out, result.err}) {
    EXPECT_NE(stream.find(all + "\n"), std::string::npos);
    EXPECT_NE(stream.find(") after\n"), std::string::npos);
  }
  // Its pieces: each is of whole characters.
  std::string line;
  for (std::size_t at = result.out.find(") x\xe2\x82\xac"); at != std::string::npos;) {
    const std::size_t begin = result.out.find(") ", at) + 2;
    const std::size_t end = result.out.find('\n', begin);
    line += result.out.substr(begin, end - begin);
    at = end + 1 < result.out.size() && result.out[end + 1] == '(' ? end + 1 : std::string::npos;
  }
  EXPECT_EQ(line.size(), 40'000U);
  EXPECT_EQ(line.find("\xac\xac"), std::string::npos);
}

TEST_P(OddBytes, WhatErrorsSayArrivesAsItIsAndIsShownHarmless) {
  const Result result = cluster_.run({odd_bytes_program(), "fail"}, of_session());
  EXPECT_EQ(result.status, 0);
  const std::string odd = "636166e920e282201b5b324a0aff";
  EXPECT_TRUE(has(result.out, "std::runtime_error " + odd + " " + odd + "\n")) << result.err;
  EXPECT_TRUE(has(result.out, "std::runtime_error: caf\\xe9 \\xe2\\x82 \\x1b[2J\n\\xff (task '" + kShown + "' from"));
  EXPECT_TRUE(has(result.out, "std::runtime_error whole\nstd::runtime_error whole\nstd::runtime_error whole\n"));
  EXPECT_TRUE(has(result.err, "a future failed and nobody looked at it: std::runtime_error: caf\\xe9 "));
  EXPECT_FALSE(has_control_characters(result.out + result.err)) << result.out << result.err;
}

TEST_P(OddBytes, ATaskHasTheArgumentsTheEnvironmentAndTheFolderOfItsDriver) {
  const std::string folder = cluster_.folder() + "/folder \xe9\033\xff";
  fs::create_directory(folder);
  const std::string copy = folder + "/program\xe9\xff\n";
  fs::copy_file(odd_bytes_program(), copy);
  Environment environment = cluster_.environment();
  environment["MORROW_CLUSTER"] = of_session()["MORROW_CLUSTER"];
  environment["ODD"] = kOdd;
  environment["ODD\xff"] = "x";
  const Result result = Process({copy, "started_with", kOdd, "", "\xe2\x82"}, environment, folder).wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out.substr(0, 5), "same ") << result.out << result.err;
}

TEST_P(OddBytes, AsManyArgumentsAsTheKernelTakesReachTasks) {
  const std::string path = "/data/2026/sensor-000000/readings-of-the-day.csv";
  for (const std::size_t count : {8'000, 20'000, 30'000}) {
    std::vector<std::string> arguments{odd_bytes_program(), "count"};
    arguments.resize(count, path);
    Environment environment = of_session();
    for (int i = 0; i < 4; ++i) environment["LARGE_" + std::to_string(i)] = std::string(count, 'x');
    const Result result = cluster_.start(arguments, environment)->wait();
    EXPECT_EQ(result.out, std::to_string(count) + " arguments, " + std::to_string(4 * count) + " bytes\n")
        << result.err;
  }
}

TEST_P(OddBytes, WhatAProcessWithADeepStackMayBeginWithReachesTasksToo) {
  const Result result = cluster_.run({odd_bytes_program(), "grow"}, of_session());
  EXPECT_EQ(result.out, "50000 arguments, 0 bytes\n") << result.err;
}

INSTANTIATE_TEST_SUITE_P(OfA, OddBytes, ::testing::Bool(), [](const auto& which) {
  return which.param ? std::string("NamedCluster") : std::string("PrivateSession");
});

TEST(OddNames, CommandsShowThemOnOneLineAndWithoutControlCharacters) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2", "--resource", kOdd + "=1"});
  const auto driver = cluster.start({odd_bytes_program(), "names"});
  ASSERT_TRUE(driver->wait_for_text("ready")) << driver->out() << driver->err();
  EXPECT_TRUE(has(driver->out(), "7\n"));
  EXPECT_TRUE(has(driver->out(), "8\n"));
  const std::string morrow = bin() + "/morrow";
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"status"}, {"list", "futures"}, {"list", "workers"}, {"summary"}, {"list", "futures", "--failed"}}) {
    for (const bool json : {false, true}) {
      std::vector<std::string> arguments{morrow};
      arguments.insert(arguments.end(), command.begin(), command.end());
      arguments.push_back(cluster.name());
      if (json) arguments.emplace_back("--json");
      const Result shown = cluster.run(arguments);
      EXPECT_EQ(shown.status, 0) << shown.err;
      EXPECT_FALSE(has_control_characters(shown.out)) << shown.out;
      if (command.front() == "list" && command[1] != "futures") continue;
      EXPECT_TRUE(has(shown.out, json ? "caf\\\\xe9 \\\\xe2\\\\x82 \\u001b[2J\\n\\\\xff" : kShown));
    }
  }
  const Result why = cluster.run({morrow, "why", cluster.name(), "waits " + kOdd});
  EXPECT_TRUE(has(why.out, "'waits " + kShown + "'")) << why.err;
  EXPECT_FALSE(has_control_characters(why.out));
  const Result log = cluster.run({morrow, "logs", cluster.name(), kOdd});
  EXPECT_EQ(log.out, kOdd + "\n") << log.err;
  EXPECT_FALSE(has_control_characters(worker->err()));
}

}  // namespace
}  // namespace morrow::test
