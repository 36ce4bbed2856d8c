// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "worker/objects/process_id.h"

namespace morrow::worker {

/// A process that holds room, and how much it needs in all before it lets go, as far as that is known; together with
/// those that it waits for, since it lets nothing go before these have ended. Bytes.
struct RoomAccount {
  ProcessId process = kNoProcess;
  std::uint64_t held_bytes = 0;
  std::uint64_t need_bytes = 0;        ///< at least what it holds
  std::vector<ProcessId> others = {};  ///< that it waits for

  bool is_of(ProcessId one) const;
};

/// All that hold room, or are known to need some, and what is free beside that. Bytes.
struct RoomAccounts {
  std::vector<RoomAccount> chains;  ///< a task together with those that it waits for
  std::vector<RoomAccount> tasks;   ///< each by itself
  std::uint64_t free_bytes = 0;
};

/// Which processes wait for which: each belongs to the chain of the one that waits for it, and for which nobody waits
/// (the first of these, if there are several). Not thread-safe.
class RoomChains {
 public:
  using WaitsFor = std::function<std::vector<ProcessId>(ProcessId)>;

  /// Nobody waits for another.
  RoomChains() = default;
  /// `waits_for` tells for whom one of `all` waits itself; empty: nobody waits for another.
  RoomChains(const std::vector<ProcessId>& all, const WaitsFor& waits_for);

  /// The process itself, when nobody waits for it.
  ProcessId head_of(ProcessId process) const;

 private:
  std::unordered_map<ProcessId, ProcessId> waiters_;
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
  /// Of what two processes run, that which began earlier has the lower number. 0: it runs nothing.
  std::uint64_t began(ProcessId process) const;

 private:
  /// What a process runs.
  struct Run {
    std::uint64_t function = 0;
    std::uint64_t began = 0;       ///< the how many-th it is
    std::uint64_t most_bytes = 0;  ///< that it held at once
  };
  std::uint64_t runs_ = 0;
  std::unordered_map<ProcessId, Run> processes_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_function_;  ///< bytes
};

}  // namespace morrow::worker
