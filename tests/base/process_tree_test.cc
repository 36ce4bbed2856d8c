// SPDX-License-Identifier: Apache-2.0
#include "base/process_tree.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "base/process_facts.h"

namespace morrow::base {
namespace {

/// Its first thread has ended, which looks like the end of all of it; it has another one, and a child.
[[noreturn]] void be_half_ended(int out) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  std::thread([] {
    for (;;) pause();
  }).detach();
  if (write(out, &child, sizeof child) != sizeof child) _exit(1);
  syscall(SYS_exit, 0);  // this thread alone
  __builtin_unreachable();
}

TEST(ProcessTree, EndsWithWhatIsBelowAProcessWhoseFirstThreadHasEnded) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe(pipe_ends.data()), 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // what is left would come here
  const pid_t root = fork();
  if (root == 0) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const pid_t half_ended = fork();
    if (half_ended == 0) be_half_ended(pipe_ends[1]);
    while (process_facts(half_ended)->state != 'Z') usleep(1'000);
    end_with_children(0);
  }
  pid_t lowest = 0;
  ASSERT_EQ(read(pipe_ends[0], &lowest, sizeof lowest), static_cast<ssize_t>(sizeof lowest));
  int status = -1;
  ASSERT_EQ(waitpid(root, &status, 0), root);
  EXPECT_EQ(status, 0);
  const auto left = process_facts(lowest);
  EXPECT_TRUE(!left || left->state == 'Z') << "it lives";
  for (const pid_t child : children_of(getpid())) kill(child, SIGKILL);
  for (const int end : pipe_ends) close(end);
  while (waitpid(-1, nullptr, 0) > 0) {
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace morrow::base
