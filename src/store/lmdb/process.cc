// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

namespace morrow::store {

std::optional<ProcessStatus> process_status(pid_t pid) {
  char text[1024];
  std::snprintf(text, sizeof text, "/proc/%d/stat", pid);
  const int file = ::open(text, O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  // The name, in parentheses, may hold anything: count the fields from the last one on.
  const char* after_name = std::strrchr(text, ')');
  ProcessStatus status;
  unsigned long long start_time = 0;
  if (after_name == nullptr ||
      std::sscanf(after_name + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                  &status.state, &start_time) != 2) {
    return std::nullopt;
  }
  status.start_time = start_time;
  return status;
}

ProcessId this_process() {
  const pid_t pid = ::getpid();
  const auto status = process_status(pid);
  return {pid, status ? status->start_time : 0};
}

bool is_alive(const ProcessId& process) {
  const auto status = process_status(process.pid);
  return status && status->start_time == process.start_time && status->state != 'Z' && status->state != 'X';
}

bool is_stopped(const ProcessId& process) {
  const auto status = process_status(process.pid);
  return status && status->start_time == process.start_time && (status->state == 'T' || status->state == 't');
}

bool kill_process(const ProcessId& process) {
  // The descriptor pins the process that has the pid now; only then is it looked at which one that is.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
  if (pidfd < 0) return false;
  const bool killed = is_alive(process) && ::syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) == 0;
  ::close(pidfd);
  return killed;
}

}  // namespace morrow::store
