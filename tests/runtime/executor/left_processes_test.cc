// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/left_processes.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/process_tree.h"

namespace morrow::runtime {
namespace {

pid_t start(int status) {
  const pid_t pid = fork();
  if (pid == 0) _exit(status);
  return pid;
}

/// Waits until it has ended, and leaves it a zombie.
void wait_for_end(pid_t pid) {
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
}

TEST(LeftProcessesTest, WhatHasEndedIsReapedAndWhatLivesIsToldOf) {
  const LeftProcesses left;
  EXPECT_FALSE(left.reap());
  for (int i = 0; i < 100; ++i) wait_for_end(start(0));
  EXPECT_FALSE(left.reap());
  EXPECT_TRUE(base::children_of(getpid()).empty());
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t lives = fork();
  if (lives == 0) {
    close(gate[1]);
    char byte = 0;
    _exit(static_cast<int>(read(gate[0], &byte, 1)));
  }
  EXPECT_TRUE(left.reap());
  close(gate[0]);
  close(gate[1]);
  wait_for_end(lives);
  EXPECT_FALSE(left.reap());
}

TEST(LeftProcessesTest, AnOrphanIsReaped) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int orphan[2];
  ASSERT_EQ(pipe(orphan), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const pid_t child = start(0);
    _exit(write(orphan[1], &child, sizeof(child)) == sizeof(child) ? 0 : 1);
  }
  pid_t child = 0;
  ASSERT_EQ(read(orphan[0], &child, sizeof(child)), static_cast<ssize_t>(sizeof(child)));
  EXPECT_EQ(waitpid(parent, nullptr, 0), parent);
  wait_for_end(child);
  const LeftProcesses left;
  EXPECT_FALSE(left.reap());
  EXPECT_TRUE(base::children_of(getpid()).empty());
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(LeftProcessesTest, WhatWasThereBeforeIsLeftToWhoeverStartedIt) {
  const pid_t helper = start(7);
  LeftProcesses left;
  left.spare_those_there();
  wait_for_end(start(0));
  wait_for_end(helper);
  EXPECT_FALSE(left.reap());
  int status = 0;
  EXPECT_EQ(waitpid(helper, &status, 0), helper);
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(base::children_of(getpid()).empty());
}

TEST(LeftProcessesTest, WhatAnotherThreadHasStartedIsLeftToIt) {
  const LeftProcesses left;
  std::thread([&left] {
    const pid_t child = start(7);
    wait_for_end(child);
    std::thread([&left] { left.reap(); }).join();
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }).join();
}

}  // namespace
}  // namespace morrow::runtime
