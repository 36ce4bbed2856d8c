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

/// Programs that begin a private worker, where a mistake would be one that starts itself without end. Each is run with
/// a limit, and ends what it started when it is killed.
class PrivateSessions : public testing::Test {
 protected:
  /// With no cluster, and what the build says of the command.
  Result run(const std::vector<std::string>& arguments, const std::string& command = {}) {
    return cluster.start(arguments, {{"MORROW_CLUSTER", ""}, {"MORROW_COMMAND", command}})->wait(std::chrono::seconds(60));
  }
  /// The test program under another name, in a folder of its own.
  std::string copied_as(const std::string& name) const {
    fs::create_directory(cluster.folder() + "/place");
    const std::string path = cluster.folder() + "/place/" + name;
    fs::copy_file(process_scenarios(), path);
    return path;
  }

  Cluster cluster;
};

TEST_F(PrivateSessions, AProgramThatForgetsWhatItWasGivenRunsItsTasksAllTheSame) {
  for (const char* what : {"environment", "descriptors", "streams", "session", "environment descriptors streams session"}) {
    const Result result = run({process_scenarios(), "forgetful", what});
    EXPECT_EQ(result.out, "1\n") << what << ": " << result.err;
  }
}

TEST_F(SessionProcesses, AProgramThatForgetsWhatItWasGivenRunsItsTasksAllTheSame) {
  for (const char* what : {"descriptors", "streams descriptors session"}) {
    const Result result = cluster.run({process_scenarios(), "forgetful", what});
    EXPECT_EQ(result.out, "1\n") << what << ": " << result.err;
  }
}

TEST_F(PrivateSessions, AProgramOfTheNameOfTheCommandIsNotTakenForIt) {
  const std::string stranger = copied_as("morrow");
  for (const std::string& program : {stranger, copied_as("program")}) {
    const Result result = run({program, "one"});
    EXPECT_EQ(result.out, "1\n") << result.err;
    const Result named = run({program, "one"}, stranger);
    EXPECT_TRUE(has(named.err, "MORROW_COMMAND names " + stranger + ", which is not Morrow's command"));
  }
}

TEST_F(PrivateSessions, AScriptThatStartsTheProgramInThePlaceOfTheCommandIsToldSo) {
  const std::string script = cluster.folder() + "/script";
  for (const char* arguments : {" \"$@\"", " one"}) {
    std::ofstream(script) << "#!/bin/sh\nexec " << process_scenarios() << arguments << "\n";
    fs::permissions(script, fs::perms::owner_all);
    const Result result = run({process_scenarios(), "one"}, script);
    EXPECT_FALSE(result.timed_out);
    EXPECT_TRUE(has(result.err, "was started as the private worker of a program, and it is none"));
  }
}

}  // namespace
}  // namespace morrow::test
