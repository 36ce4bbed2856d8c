// SPDX-License-Identifier: Apache-2.0
#include "base/exit_status.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

namespace morrow::base {
namespace {

int status_of_child(void (*body)()) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST(ExitStatus, SaysTheStatusOfAProcessThatExited) {
  EXPECT_EQ(describe_exit(status_of_child([] { _exit(3); })), "exited with status 3");
  EXPECT_EQ(describe_exit(status_of_child([] {})), "exited with status 0");
}

TEST(ExitStatus, SaysTheSignalThatKilled) {
  EXPECT_EQ(describe_exit(status_of_child([] { raise(SIGKILL); })), "was killed by signal 9 (Killed)");
}

TEST(ExitStatus, ASignalWithoutADescriptionIsItsNumber) {
  EXPECT_EQ(describe_signal(SIGSEGV), "signal 11 (Segmentation fault)");
  EXPECT_EQ(describe_signal(SIGRTMIN + 2), "signal " + std::to_string(SIGRTMIN + 2));
  EXPECT_EQ(describe_signal(NSIG), "signal " + std::to_string(NSIG));
  EXPECT_EQ(describe_signal(4711), "signal 4711");
  EXPECT_EQ(describe_signal(-1), "signal -1");
}

}  // namespace
}  // namespace morrow::base
