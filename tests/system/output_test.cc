// SPDX-License-Identifier: Apache-2.0
// What becomes of the lines that tasks print.
#include <array>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

namespace fs = std::filesystem;

std::string printing_program() { return (fs::path(scenarios()).parent_path() / "printing").string(); }

/// How many lines of each task are there, in their order and none twice.
std::array<int, 20> lines_of_tasks(const std::string& text) {
  std::array<int, 20> next{};
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::size_t task = 0;
    int number = 0;
    const std::size_t at = line.find(") line ");
    if (at == std::string::npos) continue;
    std::istringstream(line.substr(at + 7)) >> task >> number;
    if (task < next.size() && next.at(task) == number) ++next.at(task);
  }
  return next;
}

TEST(Output, ASlowReaderGetsAllLinesAndTheSessionEndsBehindThem) {
  for (const bool named : {false, true}) {
    Cluster cluster;
    const auto worker = named ? cluster.worker({"--cpus", "2"}) : nullptr;
    const auto shell = cluster.start({"/bin/sh", "-c", printing_program() + " flood | { sleep 3; cat; }"},
                                     {{"MORROW_CLUSTER", named ? cluster.name() : ""}});
    const Result result = shell->wait();
    std::array<int, 20> all{};
    all.fill(5'000);
    EXPECT_EQ(lines_of_tasks(result.out), all);
    EXPECT_EQ(result.err, "");
  }
}

/// How many lines the driver was told of, on standard error, that it was not given.
std::uint64_t lines_left_out(const std::string& text) {
  std::uint64_t lines = 0;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find(" of tasks were left out here") != std::string::npos) lines += std::stoull(line.substr(8));
  }
  return lines;
}

TEST(Output, LinesThatASlowReaderHadNotGotWhenItsWorkerStoppedAreCountedAndTheirLogIsNamed) {
  Cluster cluster;
  const auto first = cluster.worker({"--cpus", "2", "--name", "first"});
  const std::string gate = cluster.folder() + "/gate";
  const auto shell = cluster.start(
      {"/bin/sh", "-c", printing_program() + " flood | { until [ -e " + gate + " ]; do sleep 0.1; done; cat; }"});
  ASSERT_TRUE(cluster.wait_for_status("20 realized")) << cluster.status();
  const auto second = cluster.worker({"--cpus", "2", "--name", "second"});
  first->signal(SIGTERM);
  EXPECT_EQ(first->wait().status, 0) << first->err();
  std::ofstream(gate) << "open";
  const Result result = shell->wait();
  std::uint64_t shown = 0;
  for (const int lines : lines_of_tasks(result.out)) shown += static_cast<std::uint64_t>(lines);
  EXPECT_EQ(shown + lines_left_out(result.err), 100'000U) << shown << "\n" << result.err;
  EXPECT_LT(shown, 100'000U) << "the reader came too early";
  EXPECT_NE(
      result.err.find("the connection to a worker ended before they were read; all lines are in " + cluster.folder()),
      std::string::npos)
      << result.err;
}

TEST(Output, AReaderThatLeavesEndsTheDriverAsItEndsAnyProgram) {
  Cluster cluster;
  const auto shell =
      cluster.start({"/bin/sh", "-c", printing_program() + " flood | head -n 3"}, {{"MORROW_CLUSTER", ""}});
  const Result result = shell->wait();
  EXPECT_FALSE(result.timed_out);
  EXPECT_NE(result.out.find("line "), std::string::npos);
}

/// The file that a sentence names; empty: none.
std::string named_file(const std::string& text) {
  const std::size_t end = text.find("tasks.log");
  if (end == std::string::npos) return "";
  const std::size_t begin = text.rfind(' ', end) + 1;
  return text.substr(begin, text.find_first_of(" \n", end) - begin);
}

TEST(Output, TheLogOfAPrivateWorkerStaysWhereItSaysWhenATaskFailed) {
  for (const std::string mode : {"fail", "fail_unseen"}) {
    Cluster cluster;
    fs::create_directories(cluster.folder() + "/run");
    const Result result = cluster.run({printing_program(), mode}, {{"MORROW_CLUSTER", ""}});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.out.find("what a task printed") != std::string::npos, mode == "fail");
    const std::string path = named_file(result.err);
    ASSERT_FALSE(path.empty()) << result.err;
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    EXPECT_TRUE(has(text.str(), "what a task printed\n")) << path;
    const fs::path folder = fs::path(path).parent_path().parent_path();
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1) << "the logs alone";
  }
}

TEST(Output, APrivateWorkerLeavesNothingWhenNoTaskFailedOrNothingWasPrinted) {
  for (const std::string mode : {"print", "fail_silently", "leave"}) {
    Cluster cluster;
    const std::string run = cluster.folder() + "/run";
    fs::create_directories(run);
    const Result result = cluster.run({printing_program(), mode}, {{"MORROW_CLUSTER", ""}});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.err.find("tasks.log"), std::string::npos) << result.err;
    EXPECT_EQ(fs::directory_iterator(run), fs::directory_iterator());
  }
}

TEST(Output, TheLogsOfTheLastFewPrivateWorkersStay) {
  Cluster cluster;
  const std::string run = cluster.folder() + "/run";
  fs::create_directories(run);
  std::string last;
  for (int i = 0; i < 12; ++i)
    last = named_file(cluster.run({printing_program(), "fail"}, {{"MORROW_CLUSTER", ""}}).err);
  EXPECT_TRUE(fs::exists(last)) << last;
  EXPECT_EQ(std::distance(fs::directory_iterator(run), fs::directory_iterator()), 10);
}

}  // namespace
}  // namespace morrow::test
