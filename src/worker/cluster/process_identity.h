// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace morrow::worker {

/// What tells a process from all others, beside its pid.
struct ProcessIdentity {
  std::string space;                ///< the boot and the pid namespace in which its pid is its alone; empty: not known
  std::uint64_t started_ticks = 0;  ///< clock ticks from that boot to its start

  explicit operator bool() const { return !space.empty(); }
};

/// That of this process; empty where the system does not tell.
ProcessIdentity own_process();

/// When the process that has this pid now, in this pid namespace, started; 0 when that is not known.
std::uint64_t start_of_process(pid_t pid);

}  // namespace morrow::worker
