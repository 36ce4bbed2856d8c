// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace morrow::worker {

namespace {

constexpr int kRoundsOfStrangers = 1'000;  // each kill may hand us the children of the killed

bool is_stranger(pid_t pid) { return getsid(pid) != getsid(0); }

std::vector<pid_t> children() {
  std::vector<pid_t> result;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream list(thread.path() / "children");
    for (pid_t pid = 0; list >> pid;) result.push_back(pid);
  }
  return result;
}

void wait_for(pid_t pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

ProcessReaper::ProcessReaper(boost::asio::io_context& io) : signals_(io, SIGCHLD) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  listen();
}

void ProcessReaper::watch(pid_t pid, std::function<void(int)> ended) { watched_[pid] = std::move(ended); }

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
    for (const pid_t pid : children()) {
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
  reap_strangers();
}

// Looks before it reaps, so that no status is stolen from whoever waits for a child of its own.
void ProcessReaper::reap_strangers() {
  siginfo_t info{};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    const pid_t pid = info.si_pid;
    if (watched_.contains(pid) || !is_stranger(pid)) return;  // a watched one that ended just now has its own signal
    waitpid(pid, nullptr, WNOHANG);
    info = {};
  }
}

}  // namespace morrow::worker
