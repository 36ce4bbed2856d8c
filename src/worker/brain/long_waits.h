// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "control/deadlocks.h"
#include "worker/brain/actions.h"
#include "worker/brain/awaits.h"
#include "worker/brain/executor_states.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// What the store is told of tasks that are blocked for long, so that those which wait for each other are found.
/// long_waits.cc opens with what counts. Not thread-safe.
class LongWaits {
 public:
  /// A task that waited so long is blocked for long.
  explicit LongWaits(Time long_wait) : long_wait_(long_wait) {}

  /// Whether `update` may have anything to say.
  bool is_due(Time now) const { return long_wait_ != 0 && !under_way_ && now >= next_; }
  /// What to tell, if there is anything to be told, or to be looked at once more; then that is under way.
  std::optional<action::NoteLongWaits> update(Time now, const Awaits& awaits, const ExecutorStates& executors);
  /// It is told, and the deadlocks that were found are ended.
  void note_done() { under_way_ = false; }
  /// Something else has changed: the store is looked at again soon, though the waits are the same.
  void look_soon(Time now) { next_look_ = now + 1; }

 private:
  std::vector<control::LongWait> collect(Time now, const Awaits& awaits, const ExecutorStates& executors) const;

  const Time long_wait_;
  std::vector<control::LongWait> told_;
  bool under_way_ = false;
  Time next_ = 0;       ///< when `update` looks again
  Time next_look_ = 0;  ///< when the store is looked at again though nothing is new
  Time pause_ = 0;      ///< before that
};

}  // namespace morrow::worker
