// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/types.h"
#include "store/store.h"

/// What people ask about futures. Reads only, each in one transaction with no conflict.
namespace morrow::control {

/// A future as the store has it.
struct FutureSeen {
  FutureId id;
  Status status = Status::kBuilding;
  std::string name;  ///< empty: unknown, since what it computes is forgotten once it is final
  Resources requirements;
  SessionId session = 0;
  bool without_driver = false;  ///< its session has none now
  std::uint32_t tries = 0;      ///< failed attempts
  std::uint32_t max_retries = 0;
  Incarnation holder = 0;                   ///< while claimed: the worker that has it
  bool recomputed = false;                  ///< its value was lost, and it is computed again
  std::optional<FutureId> missing = {};     ///< while waiting: the first that it waits for
  OutcomePtr outcome = nullptr;             ///< of one that is final
  std::optional<std::uint64_t> ahead = {};  ///< while ready: entries of its shape before it, counted to 10,000
  std::map<std::string, std::uint64_t> ahead_names = {};  ///< of which names the first of those are; `waits_for` only
};

/// The future, and what it waits for: the next one is what the one before misses, and the last is the root, which waits
/// for no other or is not there. Empty: the store does not know `id`.
std::vector<FutureSeen> waits_for(store::Store& store, FutureId id);

/// Which futures are looked for; all that is set must hold.
struct FutureFilter {
  bool unfinished = false;
  bool failed = false;
  bool claimed = false;
  bool closely = true;  ///< also what they wait for, behind how many, and whether they have a driver: it takes time
};

/// Some of the futures that were looked for.
struct FuturePage {
  std::vector<FutureSeen> futures;
  std::string next;  ///< where the next page begins; empty: this was the last
};
/// Looks at some hundred futures from `from` on (empty: the first), so that rounds need not wait for long.
FuturePage find_futures(store::Store& store, const FutureFilter& filter, std::string_view from);

/// A session as the store has it.
struct SessionSeen {
  SessionId id = 0;
  Incarnation worker = 0;  ///< that its driver is attached to; 0: it has none now
  bool ending = false;
};
std::vector<SessionSeen> all_sessions(store::Store& store);

}  // namespace morrow::control
