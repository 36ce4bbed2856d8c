// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// How long the functions of tasks take, as far as was seen: a moving average for each, and whether one awaits others.
/// Functions go by `Spec::function_key`; of very many, those that ended last are kept. Not thread-safe.
class RunTimes {
 public:
  /// What is known of a function.
  struct RunTime {
    Time usual = 0;      ///< nanoseconds
    bool waits = false;  ///< it was seen to await: nothing is queued behind it
    std::uint64_t last_use = 0;
  };

  /// An execution has ended.
  void learn(std::uint64_t function, Time ran);
  /// An execution was seen to await.
  void note_wait(std::uint64_t function);

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
