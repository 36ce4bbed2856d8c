// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace morrow::base {

/// What /proc/PID/stat tells of a process. Times are in clock ticks.
struct ProcessFacts {
  char state = '?';  ///< 'R', 'S', 'T' (stopped by a signal), 'Z' (a zombie)…
  pid_t parent = 0;
  std::uint64_t used_ticks = 0;     ///< of processors
  std::uint64_t started_ticks = 0;  ///< after the boot
};

/// From the text of that file; nothing when it is cut short. Thread-safe.
std::optional<ProcessFacts> parse_process_facts(std::string_view text);

/// Nothing when there is no such process. Thread-safe.
std::optional<ProcessFacts> process_facts(pid_t pid);

/// The file that a process runs, by device and number; zeros: it can't be known. Thread-safe.
using FileId = std::pair<dev_t, ino_t>;
FileId program_of(pid_t pid);

/// The process, its parent, the parent of that and so on, 256 of them at the most. Thread-safe.
std::vector<pid_t> with_ancestors(pid_t pid);

/// The name of a thread of ours in a process that runs tasks; it waits there for the end of its worker.
inline constexpr const char* kWatchThread = "morrow-watch";

/// Whether all its threads wait for each other, with no end set: for mutexes, conditions and the like. Not counted are
/// those of that name, nor a wait that another process may end. False when it can't be seen. Thread-safe.
bool waits_for_locks(pid_t pid);

/// Of this process; 1 when /proc is not there. One that was joined may be counted for a moment still. Thread-safe.
std::size_t count_threads();

}  // namespace morrow::base
