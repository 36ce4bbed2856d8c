// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "worker/objects/process_id.h"

namespace morrow::worker {

/// A process that holds room, and how much it needs in all before it lets go, as far as that is known. Bytes.
struct RoomAccount {
  ProcessId process = kNoProcess;
  std::uint64_t held_bytes = 0;
  std::uint64_t need_bytes = 0;  ///< at least what it holds
};

/// Whether all of these can come to an end, one after another, when `free_bytes` are free: each takes what it needs
/// still, ends, and gives back what it holds. (The banker's algorithm, Dijkstra 1965.) A driver may hold what it has
/// for ever, so nothing is counted on from it.
bool can_all_end(std::vector<RoomAccount> accounts, std::uint64_t free_bytes);

/// What tasks were seen to need of the object memory at once, by their function. Only those are noted that once stood
/// in each other's way, so that nothing is done where there is room. Not thread-safe.
class RoomNeeds {
 public:
  static constexpr std::size_t kMostFunctions = 10'000;

  bool empty() const { return by_function_.empty(); }
  /// From here on the process runs a task of this function.
  void runs(ProcessId process, std::uint64_t function);
  void gone(ProcessId process) { processes_.erase(process); }
  /// What the process runs was in the way of others, and needs so much at least.
  void stood_in_the_way(ProcessId process, std::uint64_t need_bytes);
  /// It holds so much now.
  void holds(ProcessId process, std::uint64_t held_bytes);
  /// Whether anything is known of the function that it runs.
  bool knows(ProcessId process) const { return need_of(process) != 0; }
  /// 0: it is not known.
  std::uint64_t need_of(ProcessId process) const;

 private:
  /// What a process runs.
  struct Run {
    std::uint64_t function = 0;
    std::uint64_t most_bytes = 0;  ///< that it held at once
  };
  std::unordered_map<ProcessId, Run> processes_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_function_;  ///< bytes
};

}  // namespace morrow::worker
