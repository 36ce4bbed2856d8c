// SPDX-License-Identifier: Apache-2.0
//
// The end of a whole tree of processes, where each may start others, leave its session and process group, and die, at
// any moment.
//
// What can't be escaped is the tree: Linux gives the children of a dead process to the nearest subreaper above it. So
// all that descends from a subreaper ends by killing its children again and again: their children become its own.
//
// A number may belong to another process by the time it is killed. So a descriptor of the process is opened first, and
// then its parent looked at: that of the process with the descriptor, or of one that got the number later, and then the
// descriptor reaches nobody.
#include "base/process_tree.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/defer.h"
#include "base/process_facts.h"

namespace morrow::base {

namespace {

constexpr std::chrono::milliseconds kBetweenRounds{1};  // the killed need some time
constexpr std::chrono::seconds kEndsWithin{10};         // one that hangs in the kernel can't be waited for
constexpr int kEmptyRounds = 2;                         // one may miss a child, see children_of

bool has_ended(int pidfd) {
  pollfd ended{pidfd, POLLIN, 0};
  return poll(&ended, 1, 0) > 0;
}

// Whether it lived. A zombie may have threads still, and then it has its children too: what counts is the pidfd, which
// is readable when all of it has ended.
bool kill_child(pid_t child, pid_t parent) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (pidfd < 0) return false;
  const Defer closes([&] { close(pidfd); });
  const auto facts = process_facts(child);
  if (!facts || facts->parent != parent || has_ended(pidfd)) return false;
  syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
  return true;
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> result;
  std::error_code error;
  auto thread = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error);
  for (; !error && thread != std::filesystem::directory_iterator(); thread.increment(error)) {
    std::ifstream list(thread->path() / "children");
    for (pid_t child = 0; list >> child;) result.push_back(child);
  }
  return result;
}

void kill_children(pid_t root, int pidfd) {
  const auto limit = std::chrono::steady_clock::now() + kEndsWithin;
  for (int empty = 0; empty < kEmptyRounds && std::chrono::steady_clock::now() < limit; ++empty) {
    for (const pid_t child : children_of(root)) {
      if (pidfd >= 0 && has_ended(pidfd)) return;  // the number may be another process's by now
      if (kill_child(child, root)) empty = -1;
    }
    std::this_thread::sleep_for(kBetweenRounds);
  }
}

void end_with_children(int status) {
  kill_children(getpid(), -1);
  _exit(status);
}

}  // namespace morrow::base
