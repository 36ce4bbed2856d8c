// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sys/types.h>

#include "worker/ids/ids.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Why a process was ended that ran a task: memory.
struct OutOfMemory {
  std::string sentence;
  std::uint64_t asked_bytes = 0;
  std::uint64_t used_bytes = 0;  ///< 0: not known
  bool by_kernel = false;        ///< the machine's ran out, and not what the task had asked for
};

/// Holds tasks to the memory that they asked for: looks at what their processes use, and ends those that use more.
/// Tells which processes the kernel has ended since memory ran out. Main thread only.
class MemoryWatch {
 public:
  /// An executor that has a process.
  struct Executor {
    ExecutorId id = 0;
    pid_t pid = 0;
    std::string running;            ///< the name of its task; empty: it has none
    std::uint64_t asked_bytes = 0;  ///< by the tasks that it runs; 0: the one that runs asked for nothing
    bool will_ask = false;          ///< one of the tasks that it was given does
  };
  /// What it acts with.
  struct Means {
    std::function<std::vector<Executor>()> executors;
    std::function<std::optional<Executor>(ExecutorId)> executor;          ///< one of these
    std::function<std::uint64_t(pid_t, std::uint64_t exact_above)> used;  ///< see memory_of_tree
    std::function<std::uint64_t()> kernel_kills;                          ///< so far, see ControlGroups::memory_kills
    std::function<void(ExecutorId)> kill;
    CallLater after;
    /// The most that it has used, when the kernel ended it at its limit (ExecutorGroups); nothing: it did not.
    std::function<std::optional<std::uint64_t>(ExecutorId)> killed_at_limit = {};
  };

  explicit MemoryWatch(Means means) : means_(std::move(means)) {}

  /// Looks from here on at what the kernel does.
  void start();

  /// It is given a task that asks for memory, `first` when it has no other: what it uses already is not the task's.
  void given(ExecutorId executor, bool first);
  /// It has a process now.
  void started(ExecutorId executor);
  /// It is gone.
  void forget(ExecutorId executor) { uses_.erase(executor); }
  /// Why its process ended; nothing: not for memory. `asked_bytes` by the task that it ran; nothing: it ran none.
  /// `by_signal_9`: it died of SIGKILL; `killed`: somebody here, who has a reason of his own, sent that. It is
  /// forgotten.
  std::optional<OutOfMemory> why_ended(ExecutorId executor, std::optional<std::uint64_t> asked_bytes, bool by_signal_9,
                                       bool killed);

 private:
  /// What is known of an executor whose task asked for memory.
  struct Use {
    std::uint64_t before = 0;  ///< the task
    std::uint64_t last = 0;    ///< as seen last, without that
    bool has_process = false;
  };
  void watch_kernel();
  void look_soon();
  void look();
  void look_at(const Executor& executor, const std::vector<Executor>& all);
  std::string largest_but(ExecutorId id, const std::vector<Executor>& all) const;

  Means means_;
  std::unordered_map<ExecutorId, Use> uses_;
  std::unordered_map<ExecutorId, OutOfMemory> ended_;
  bool looks_ = false;
  std::uint64_t kills_before_ = 0;  ///< of the kernel, that are explained or too long ago
  std::uint64_t kills_seen_ = 0;
};

}  // namespace morrow::worker
