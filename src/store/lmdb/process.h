// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace morrow::store {

/// A process of this machine, named so that a recycled pid is never taken for it.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< as in /proc/PID/stat, in clock ticks since the boot
};

ProcessId this_process();

/// Whether the process still runs (a zombie has ended).
bool is_alive(const ProcessId& process);

/// Whether the process is stopped, by a signal or a debugger.
bool is_stopped(const ProcessId& process);

/// Kills exactly this process, never another one that got its pid. False when that was not possible.
bool kill_process(const ProcessId& process);

}  // namespace morrow::store
