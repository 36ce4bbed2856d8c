// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/process.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/process_facts.h"

namespace morrow::store {

ProcessId this_process() {
  const pid_t pid = ::getpid();
  const auto status = base::process_facts(pid);
  return {pid, status ? status->started_ticks : 0};
}

bool is_alive(const ProcessId& process) {
  const auto status = base::process_facts(process.pid);
  return status && status->started_ticks == process.start_time && status->state != 'Z' && status->state != 'X';
}

bool is_stopped(const ProcessId& process) {
  const auto status = base::process_facts(process.pid);
  return status && status->started_ticks == process.start_time && (status->state == 'T' || status->state == 't');
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
