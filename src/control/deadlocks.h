// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "control/types.h"
#include "store/store.h"

/// Tasks that wait for each other without end: what workers write down of their long waits, and how a circle of them is
/// found and ended. deadlocks.cc opens with the whole story.
namespace morrow::control {

/// The wait of an execution that has been blocked for long and has no end of its own.
struct LongWait {
  FutureId id;                    ///< that is being executed
  Claim claim = 0;                ///< its execution
  std::vector<FutureId> futures;  ///< that it waits for
  std::uint32_t need = 0;         ///< so many of them must end before it goes on
  Resources keeps;                ///< what it holds meanwhile, and nobody else may use
  friend bool operator==(const LongWait&, const LongWait&) = default;
};

/// Writes down all the long waits of worker `self`, in place of those that it had.
void note_long_waits(store::Store& store, Incarnation self, const std::vector<LongWait>& waits);

/// What ended, and what follows from it.
struct EndedDeadlocks {
  std::vector<std::string> sentences;  ///< one for each deadlock
  std::vector<ScopeId> endings;        ///< scopes that began to close: ending_step works them off
};

/// How a failure is encoded: the sentence, and what failed of it.
using MakeDeadlockFailure = std::function<OutcomePtr(const std::string& sentence, const Spec& spec)>;

/// Looks at the long waits of all workers, and fails what can never go on: the tasks and dependents of each circle, or
/// those that hold what all the others need. Each deadlock is a transaction of its own. What it ends posts checks to
/// `self`, so look at pending_checks afterwards.
EndedDeadlocks end_deadlocks(store::Store& store, Incarnation self, const MakeDeadlockFailure& make_failure);

}  // namespace morrow::control
