// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "worker/objects/process_id.h"

namespace morrow::worker {

/// The living processes, and which objects each of them reads or writes: what does not come free before they let go or
/// die. It holds numbers only; ObjectTable counts the same pins from the side of the objects. One thread at a time.
///
/// Invariants: a process that is not known holds nothing; nothing is let go more often than it was taken; an object is
/// written by one process at the most, and not read while it is written.
class Holders {
 public:
  using ObjectNumber = std::uint64_t;

  /// What one process looks at and what it writes.
  struct Held {
    std::unordered_map<ObjectNumber, std::uint32_t> pins;  ///< how often it is pinned, 1 at the least
    std::unordered_set<ObjectNumber> writes;

    bool empty() const { return pins.empty() && writes.empty(); }
  };

  /// It may hold objects from here on, until it is `gone`. Nothing happens when it is known already.
  void came(ProcessId process) { held_.try_emplace(process); }
  bool knows(ProcessId process) const { return held_.contains(process); }
  /// It is dead: returns what it held. Nothing, when it is not known.
  Held gone(ProcessId process);

  /// Needs a process that is known.
  void pin(ProcessId process, ObjectNumber object);
  /// Takes one pin back. False: it has none, or is not known.
  bool unpin(ProcessId process, ObjectNumber object);
  /// Needs a process that is known.
  void begin_writing(ProcessId process, ObjectNumber object);
  /// False: it does not write this, or is not known.
  bool end_writing(ProcessId process, ObjectNumber object);

  bool holds_anything(ProcessId process) const;
  /// All living processes, in no order.
  std::vector<ProcessId> known() const {
    std::vector<ProcessId> all;
    all.reserve(held_.size());
    for (const auto& [process, held] : held_) all.push_back(process);
    return all;
  }
  /// Null: it is not known.
  const Held* find(ProcessId process) const;
  /// Calls `visit(process)` for each one that holds something, in no order.
  template <class Visit>
  void for_each_holder(Visit visit) const {
    for (const auto& [process, held] : held_) {
      if (!held.empty()) visit(process);
    }
  }

 private:
  std::unordered_map<ProcessId, Held> held_;
};

}  // namespace morrow::worker
