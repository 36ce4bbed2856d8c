// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// How the functions of tasks run, as far as was seen: how long, a moving average for each, and whether one awaits
/// others, and lets them run on top of it.
/// Functions go by `Spec::function_key`; of very many, those that ended last are kept. Not thread-safe.
class RunTimes {
 public:
  /// What is known of a function.
  struct RunTime {
    Time usual = 0;             ///< nanoseconds
    bool waits = false;         ///< it was seen to await: nothing is queued behind it
    bool hosts_nobody = false;  ///< a nested run stood still on top of it: none is started there
    std::uint64_t last_use = 0;
  };

  /// An execution has ended.
  void learn(std::uint64_t function, Time ran);
  /// An execution was seen to await.
  void note_wait(std::uint64_t function);
  /// A nested run stood still on top of one of its executions.
  void note_hosts_nobody(std::uint64_t function);

  /// Null: unknown. Stands until the next call that learns.
  const RunTime* find(std::uint64_t function) const;
  /// The usual time, or `unknown`.
  Time usual(std::uint64_t function, Time unknown) const;
  /// What the last tasks of all functions took, as a moving average, or `unknown`.
  Time usual_of_any(Time unknown) const { return last_tasks_.value_or(unknown); }

 private:
  RunTime& use(std::uint64_t function);
  void forget_half();

  std::unordered_map<std::uint64_t, RunTime> times_;
  std::optional<Time> last_tasks_;
  std::uint64_t uses_ = 0;
};

}  // namespace morrow::worker
