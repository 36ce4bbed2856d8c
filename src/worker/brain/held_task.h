// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "base/invariant.h"
#include "control/round.h"
#include "control/types.h"
#include "worker/brain/commit_queue.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// A future that this worker holds: submitted here and not yet committed, or claimed by it. It is at one place at a
/// time, and goes from place to place by `move_to` alone:
///
///     stored  -> backlog, ended, dropped      backlog -> stored, handed, ended, dropped
///     handed  -> backlog, ended, dropped      ended   -> backlog, paused, dropped
///     paused  -> backlog, ended, dropped
///
/// Not thread-safe.
class HeldTask {
 public:
  /// Where the task is on its way. `move_to` knows which ways there are.
  enum class Place : std::uint8_t {
    kStored,   ///< its submit is on the way to the store and nothing else is decided: it waits, or goes to the index
    kBacklog,  ///< to be run here
    kHanded,   ///< with an executor
    kEnded,    ///< its end is known and on the way to the store
    kPaused,   ///< its last attempt failed: it is run here again, a moment later
    kDropped,  ///< no longer ours: cancelled, fenced or relinquished. Stays so
  };

  Place place() const { return place_; }
  /// The step must be one of those above. Out of and into the backlog: by `Backlog` only, which counts.
  void move_to(Place next) {
    MORROW_INVARIANT(may_move(place_, next), "a task goes from place to place along an arrow", run.id, place_, next);
    place_ = next;
  }
  static bool may_move(Place from, Place to) {
    switch (from) {
      case Place::kStored:
      case Place::kHanded:
      case Place::kPaused:
        return to == Place::kBacklog || to == Place::kEnded || to == Place::kDropped;
      case Place::kBacklog:
        return to != Place::kBacklog;
      case Place::kEnded:
        return to == Place::kBacklog || to == Place::kPaused || to == Place::kDropped;
      case Place::kDropped:
        return to == Place::kDropped;
    }
    return false;
  }

  control::Runnable run;
  bool committed = false;   ///< the store says that this worker claimed it
  bool ends_apart = false;  ///< it submitted or freed something itself: its end is an operation of its own
  bool begun = false;       ///< queued at an executor, which did not let it be taken back
  bool wanted = false;      ///< a task that is blocked here awaits it
  Time arrived = 0;
  CommitQueue::Position submit = 0;  ///< of its submit, while !committed
  ExecutorId executor = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint32_t interruptions = 0;
  Time counted = 0;  ///< what the backlog, or the queue of an executor, counts for it
  control::OutcomePtr outcome;
  bool may_hold_futures = false;
  control::op::LostValue lost;  ///< why it did not run

 private:
  Place place_ = Place::kStored;
};

}  // namespace morrow::worker
