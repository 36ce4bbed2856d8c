// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// What /proc/PID/stat says of a process.
struct ProcessStat {
  char state = 0;           ///< R, S, D, T, …; 0: it is gone
  std::uint64_t ticks = 0;  ///< of processors that it has used
};
/// Of a process that runs, or has run.
ProcessStat read_process_stat(pid_t pid);

/// Since when processes have used no processor: `look` at them now and then, and `sentence` tells what became of that.
/// Values only. Not thread-safe.
class ProcessorUse {
 public:
  void look(Time now, pid_t pid, const ProcessStat& stat);
  /// All others are forgotten.
  void keep(const std::set<pid_t>& pids);
  /// "uses the processor", or "stands still: it has used no processor for 40 s (it is stopped by a signal)"; "" as long
  /// as it is not known.
  std::string sentence(Time now, pid_t pid) const;

 private:
  /// A process, as it was seen the last time.
  struct Seen {
    ProcessStat stat;
    Time since = 0;  ///< it has used so many ticks
    bool twice = false;
  };
  std::map<pid_t, Seen> seen_;
};

}  // namespace morrow::worker
