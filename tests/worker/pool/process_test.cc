// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/process_facts.h"
#include "tests/worker/pool/pool_fixture.h"
#include "worker/pool/process/launch.h"
#include "worker/pool/process/output_pipe.h"
#include "worker/pool/process/undertaker.h"

namespace morrow::worker {
namespace {

class ProcessTest : public PoolTest {};

TEST_F(ProcessTest, NoneIsLeftWhenThePoolIsGone) {
  const auto forking = add_program(POOL_PROGRAM, "");
  const auto threaded = add_program(POOL_PROGRAM, "threads");
  const auto hanging = add_program(POOL_PROGRAM, "hang");
  std::vector<ExecutorProcess> executors;
  for (int i = 0; i < 3; ++i) {
    executors.push_back(pool_->start(forking, {}));
    executors.push_back(pool_->start(threaded, {}));
  }
  pool_->start(hanging, {});
  std::vector<pid_t> pids;
  for (const auto executor : executors) {
    ASSERT_TRUE(run_until_ready(executor));
    pids.push_back(std::stoi(ask(executor, "pid")));
  }
  ask(executors[0], "leave grandchild");
  ask(executors[1], "leave far grandchild");
  ask(executors[2], "leave far grandchild");
  pool_.reset();
  EXPECT_TRUE(children().empty()) << "zombies count too";
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  for (const pid_t pid : pids) EXPECT_FALSE(lives(pid));
}

TEST_F(ProcessTest, WhatAnExecutorLeftIsKilledAndOwnChildrenAreNotStolen) {
  const pid_t own = fork();
  if (own == 0) _exit(17);
  const auto executor = pool_->start(add_program(POOL_PROGRAM, "threads"), {});
  const pid_t near = std::stoi(ask(executor, "leave grandchild"));
  const pid_t far = std::stoi(ask(executor, "leave far grandchild"));
  EXPECT_TRUE(lives(near) && lives(far)) << "they may live as long as their executor";
  pool_->kill(executor);
  ASSERT_TRUE(run_until_exited(executor));
  EXPECT_TRUE(run_until([&] { return !lives(near) && !lives(far); }));
  int status = 0;
  EXPECT_EQ(waitpid(own, &status, 0), own);
  EXPECT_EQ(WEXITSTATUS(status), 17);
  EXPECT_TRUE(run_until([] { return children().empty(); })) << "zombies count too";
}

TEST_F(ProcessTest, WhatTheExecutorsOfAForkServerLeftIsKilledWithIt) {
  const auto executor = pool_->start(add_program(POOL_PROGRAM, ""), {});
  const pid_t far = std::stoi(ask(executor, "leave far grandchild"));
  const pid_t server = std::stoi(ask(executor, "parent"));
  kill(server, SIGKILL);
  ASSERT_TRUE(run_until_exited(executor));
  EXPECT_TRUE(run_until([&] { return !lives(far); }));
}

TEST_F(ProcessTest, AMissingFileIsToldAndLeavesNoProcess) {
  LaunchPlan plan;
  plan.file = "/no/such/program";
  plan.arguments = {"program"};
  try {
    launch(plan);
    FAIL() << "it was started";
  } catch (const LaunchError& error) {
    EXPECT_STREQ(error.what(), "executing /no/such/program failed: No such file or directory");
  }
  EXPECT_TRUE(children().empty());
}

TEST_F(ProcessTest, MoreArgumentsThanTheKernelTakesAreToldInOneSentence) {
  LaunchPlan plan;
  plan.file = "/bin/true";
  plan.arguments.assign(80, std::string(100'000, 'x'));  // 8 MB; no limit of the stack allows more than 6
  plan.environment = {"A=1"};
  try {
    launch(plan);
    FAIL() << "it was started";
  } catch (const LaunchError& error) {
    const std::string sentence = error.what();
    EXPECT_TRUE(sentence.starts_with("its arguments and environment are 8000732 bytes, more than")) << sentence;
  }
  EXPECT_TRUE(children().empty());
}

/// A process that has an undertaker, has started a program, and is killed.
class UndertakerTest : public testing::Test {
 protected:
  // The program is a shell; returns the numbers that it prints, a line each, after the process that started it is dead.
  std::vector<pid_t> killed_with(const std::string& script, std::size_t lines) {
    auto [from_program, to_test] = make_pipe();
    const pid_t starter = fork();
    if (starter == 0) {
      Undertaker undertaker;
      LaunchPlan plan;
      plan.file = "/bin/sh";
      plan.arguments = {"sh", "-c", script};
      plan.environment = {"PATH=/usr/bin:/bin"};
      plan.dies_with_us = !undertaker.lives();
      const StartedProgram started = launch(plan);
      undertaker.entrust(started.pid);
      char byte = 0;
      for (std::size_t left = lines; left > 0 && read(started.output.get(), &byte, 1) == 1; left -= byte == '\n') {
        if (write(to_test.get(), &byte, 1) != 1) break;
      }
      for (;;) pause();
    }
    to_test.reset();
    std::string text;
    char byte = 0;
    for (std::size_t left = lines; left > 0 && read(from_program.get(), &byte, 1) == 1; left -= byte == '\n')
      text += byte;
    kill(starter, SIGKILL);
    waitpid(starter, nullptr, 0);
    std::istringstream numbers(text);
    std::vector<pid_t> pids;
    for (pid_t pid = 0; numbers >> pid;) pids.push_back(pid);
    return pids;
  }

  static bool all_gone(const std::vector<pid_t>& pids) {
    const auto lives = [](pid_t pid) {
      const auto facts = base::process_facts(pid);
      return facts && facts->state != 'Z';
    };
    for (int i = 0; i < 30'000; ++i) {
      if (std::none_of(pids.begin(), pids.end(), lives)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }
};

TEST_F(UndertakerTest, EndsAProgramWhoseStarterWasKilled) {
  const auto pids = killed_with("echo $$; exec sleep 1000", 1);
  ASSERT_EQ(pids.size(), 1U);
  EXPECT_TRUE(all_gone(pids));
}

TEST_F(UndertakerTest, EndsWhatTheProgramHasStartedAlsoWhatLeftItsSessionAndLostItsParent) {
  const auto pids =
      killed_with("echo $$; setsid sh -c 'sh -c \"setsid sleep 1000 & echo \\$!\" & echo $$; sleep 1000' & wait", 3);
  ASSERT_EQ(pids.size(), 3U);
  EXPECT_TRUE(all_gone(pids));
}

TEST_F(UndertakerTest, EndsAProgramThatIsStopped) {
  const auto pids = killed_with("sleep 1000 & echo $!; echo $$; kill -STOP $$", 2);
  ASSERT_EQ(pids.size(), 2U);
  EXPECT_TRUE(all_gone(pids));
}

}  // namespace
}  // namespace morrow::worker
