// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

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

/// What main did before its Session line is done in each process that runs tasks, too.
TEST_F(SessionProcesses, TasksRunInTheFolderThatMainWentTo) {
  const Result result = cluster.run({process_scenarios(), "folder"});
  EXPECT_EQ(result.out, "the same\n") << result.err;
  EXPECT_FALSE(fs::exists(cluster.folder() + "/data/data"));
}

TEST_F(SessionProcesses, AGeneratorThatWasSeededByTheRandomDeviceDrawsOtherNumbersInEach) {
  EXPECT_EQ(cluster.run({process_scenarios(), "random"}).out, "8 different\n");
}

TEST_F(SessionProcesses, AFileThatTheDriverWritesToIsCutOrRemovedByNone) {
  for (const std::string how : {"open", "creat", "openat", "freopen", "remove", "unlink", "filesystem", "rename",
                                "exclusive", "folder", "resize"}) {
    const std::string path = cluster.folder() + "/table_" + how + "/table";
    fs::create_directory(fs::path(path).parent_path());
    const Result result = cluster.run({process_scenarios(), "table", path, how});
    EXPECT_EQ(result.out, "line 0\nline 1\nline 2\nfrom a task\n") << how << result.err;
  }
}

TEST_F(SessionProcesses, EachTaskHasASeedOfItsOwnInAllItsAttempts) {
  const Result result = cluster.run({process_scenarios(), "seeds", cluster.folder() + "/seed"});
  EXPECT_EQ(result.out, "11 different\nthe same\n") << result.err;
}

TEST_F(SessionProcesses, ATaskFindsItsProcessAsTheFirstOneDid) {
  const Result result = cluster.run({process_scenarios(), "changes"});
  EXPECT_EQ(result.out, "as before\n") << result.err;
}

std::string left_by(const std::string& what) {
  if (what == "alarm") return "a timer";
  if (what == "child") return "a process";
#ifdef __SANITIZE_THREAD__
  if (what == "thread") return "2 threads";  // one is the sanitizer's, which begins with the first of the program
#endif
  return "a " + what;
}

TEST_F(SessionProcesses, WhatATaskLeavesBehindCostsItsProcessAndIsToldUnderItsName) {
  for (const std::string what : {"thread", "alarm", "timer", "child"}) {
    const Result result = cluster.run({process_scenarios(), "leaves", what});
    EXPECT_EQ(result.out, "another process\n") << result.err;
    EXPECT_TRUE(has(result.err, "task untidy left " + left_by(what)));
  }
  EXPECT_EQ(cluster.run({process_scenarios(), "leaves", "nothing"}).out, "the same process\n");
}

TEST_F(SessionProcesses, ATaskThatAsksForItHasAProcessOfItsOwn) {
  const Result result = cluster.run({process_scenarios(), "fresh"});
  EXPECT_TRUE(has(result.out, "run 1, then ")) << result.err;
}

/// Programs that begin a private worker, where a mistake would be one that starts itself without end. Each is run with
/// a limit, and ends what it started when it is killed.
class PrivateSessions : public testing::Test {
 protected:
  /// With no cluster, and what the build says of the command.
  Result run(const std::vector<std::string>& arguments, const std::string& command = {}) {
    return cluster.start(arguments, {{"MORROW_CLUSTER", ""}, {"MORROW_COMMAND", command}})
        ->wait(std::chrono::seconds(60));
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
  for (const char* what :
       {"environment", "descriptors", "streams", "session", "environment descriptors streams session"}) {
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

TEST_F(PrivateSessions, AProgramThatClosesTheDescriptorsOfItsSessionIsToldSo) {
  const Result result = run({process_scenarios(), "closes_all"});
  EXPECT_FALSE(result.timed_out);
  EXPECT_TRUE(has(result.out, "this program has closed the descriptors of its Session; close them before you open it"));
}

TEST_F(PrivateSessions, TheWorkerEndsWithItsDriverWhateverThatHasForked) {
  for (const char* how : {"and ends", "and is killed"}) {
    Process driver({process_scenarios(), "forks", how},
                   {{"MORROW_CLUSTER", ""}, {"XDG_RUNTIME_DIR", cluster.folder() + "/run"}});
    const Result result = driver.wait();
    EXPECT_FALSE(result.out.empty()) << result.err;
    const pid_t fork_server = std::atoi(result.out.c_str());
    EXPECT_TRUE(fork_server > 0 && end_in_time({fork_server})) << how;
    EXPECT_TRUE(eventually([&] { return fs::is_empty(cluster.folder() + "/run"); })) << "its folder goes too";
  }
}

TEST_F(SessionProcesses, TheSocketOfAWorkerThatIsKilledGoesWithIt) {
  const std::string run = cluster.folder() + "/run/morrow/" + cluster.name();
  const auto sockets = [&] {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(run)) count += entry.path().filename().string()[0] == '.' ? 0 : 1;
    return count;
  };
  EXPECT_GT(sockets(), 0U);
  worker->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return sockets() == 0; }));
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

TEST_F(PrivateSessions, ACommandThatIsNotThereIsSaidToBeMissing) {
  const std::string missing = cluster.folder() + "/nowhere/morrow";
  const Result result = run({copied_as("program"), "one"}, missing);
  EXPECT_NE(result.status, 0);
  EXPECT_TRUE(has(result.err, "MORROW_COMMAND names " + missing + ", and there is no such file")) << result.err;
}

TEST_F(PrivateSessions, ACommandThatOthersCouldChangeIsNotStarted) {
  const std::string folder = cluster.folder() + "/open";
  const std::string command = folder + "/morrow";
  fs::create_directory(folder);
  fs::copy_file(bin() + "/morrow", command);
  EXPECT_EQ(run({process_scenarios(), "one"}, command).out, "1\n");
  const auto refused = [&](const std::string& why) {
    const Result result = run({process_scenarios(), "one"}, command);
    EXPECT_NE(result.status, 0);
    return has(result.err, "MORROW_COMMAND names " + command + ", which is not to be trusted: " + why);
  };
  fs::permissions(folder, fs::perms::all);
  EXPECT_TRUE(refused(folder + " of user "));
  fs::permissions(folder, fs::perms::owner_all);
  fs::permissions(command, fs::perms::all);
  EXPECT_TRUE(refused(command + " of user "));
  fs::permissions(command, fs::perms::owner_all);
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(command.c_str(), 65534, 65534), 0);
  EXPECT_TRUE(refused(command + " belongs to user 65534"));
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
