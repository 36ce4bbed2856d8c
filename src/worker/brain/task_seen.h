// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// Where a task is that a worker holds, for people.
struct TaskSeen {
  /// How far it is.
  enum class Stage : std::uint8_t {
    kStored,   ///< its submit is on the way to the store
    kQueued,   ///< it waits for a process and resources of this worker
    kStarts,   ///< a process is being started for it
    kAhead,    ///< handed to a process that runs another task
    kRuns,     ///< it runs
    kCovered,  ///< it waits, and a task that it awaits runs on top of it
    kBlocked,  ///< it waits for `awaits` in a get or a wait
    kGoesOn,   ///< all that it awaited is there; it waits for resources
    kRetries,  ///< its last attempt failed, and the next begins at `until`
    kEnded,    ///< its end is on the way to the store
  };

  control::FutureId id;
  Stage stage = Stage::kStored;
  std::string name;
  control::Resources requirements;
  control::SessionId session = 0;
  std::uint32_t tries = 0;  ///< failed attempts
  std::uint32_t max_retries = 0;
  ExecutorId executor = 0;  ///< 0: none has it
  control::Claim claim = 0;
  Time since = 0;  ///< in this stage, about
  Time until = 0;
  std::size_t ahead = 0;                                  ///< while it is queued: tasks here that came before it
  std::map<std::string, std::uint64_t> ahead_names = {};  ///< of which names; only of one that is asked for alone
  std::vector<control::FutureId> awaits = {};             ///< not there yet
  bool recomputed = false;                                ///< its value was lost, and is computed again
  std::string trouble = {};  ///< why its program did not start the last time; empty: it did
};

}  // namespace morrow::worker
