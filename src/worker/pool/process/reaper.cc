// SPDX-License-Identifier: Apache-2.0
//
// Processes of users leave others behind, and a worker must neither leak them nor steal the status of a child that is
// not its own business.
//
// Linux gives the children of a dead process to the next subreaper above it. The worker is one, so whatever a program
// started and left comes here as a child that nobody knows: it is to go with the program. (Of a program that can fork
// only what its first process leaves comes here: that is a subreaper too, runtime/executor/fork_server.cc.) Other code
// of this process may have children of its own, and waits for them (a library that runs a program). What tells the two
// apart: everything we start leads a session of its own (setsid in launch.cc), so a child in a session that is not ours
// is one of those left behind. Only such are killed and waited for.
//
// One SIGCHLD may stand for several deaths: each signal looks at all children. The killed send one more, and what they
// left is here by then. A pid is used again only after it was reaped, so the number of a child names one process until
// then.
//
// Read next: man 2 prctl, PR_SET_CHILD_SUBREAPER; launch.cc; undertaker.cc for the end of this process itself.
#include "worker/pool/process/reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/invariant.h"
#include "base/process_tree.h"

namespace morrow::worker {

namespace {

constexpr int kRoundsOfStrangers = 1'000;  // a bound: each kill may hand us the children of the killed

bool is_stranger(pid_t pid) { return getsid(pid) != getsid(0); }

void wait_for(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

ProcessReaper::ProcessReaper(boost::asio::io_context& io) : signals_(io, SIGCHLD) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  listen();
}

void ProcessReaper::watch(pid_t pid, std::function<void(int)> ended) {
  MORROW_INVARIANT(pid > 0, "a child has a process number", pid);
  const bool is_new = watched_.emplace(pid, std::move(ended)).second;
  MORROW_INVARIANT(is_new, "a number is not used again before its process is reaped", pid);
}

void ProcessReaper::end(pid_t pid) {
  watched_.erase(pid);
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  wait_for(pid);
}

void ProcessReaper::end_all() {
  while (!watched_.empty()) end(watched_.begin()->first);
  for (int round = 0; round < kRoundsOfStrangers; ++round) {
    bool found = false;
    for (const pid_t pid : base::children_of(getpid())) {
      if (!is_stranger(pid)) continue;
      found = true;
      ::kill(pid, SIGKILL);
      wait_for(pid);
    }
    if (!found) return;
  }
}

void ProcessReaper::listen() {
  signals_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error, int) {
    if (error || alive.expired()) return;
    listen();
    reap();
  });
}

void ProcessReaper::reap() {
  std::vector<pid_t> pids;
  pids.reserve(watched_.size());
  for (const auto& [pid, ended] : watched_) pids.push_back(pid);
  for (const pid_t pid : pids) {
    const auto found = watched_.find(pid);
    int status = 0;
    if (found == watched_.end() || waitpid(pid, &status, WNOHANG) != pid) continue;
    const auto ended = std::move(found->second);
    watched_.erase(found);
    ended(status);
  }
  end_strangers();
}

void ProcessReaper::end_strangers() {
  for (const pid_t pid : base::children_of(getpid())) {
    if (watched_.contains(pid) || !is_stranger(pid)) continue;
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, WNOHANG);  // or when its end is signalled
  }
}

}  // namespace morrow::worker
