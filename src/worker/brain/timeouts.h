// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// When executions have run longer than their timeouts. An execution that ends before is not taken out: it is not found
/// then. Not thread-safe.
class Timeouts {
 public:
  /// The attempt that is over when the time comes.
  struct Timeout {
    ExecutorId executor = 0;
    control::Claim claim = 0;
  };

  void add(Time at, ExecutorId executor, control::Claim claim) { timeouts_.emplace(at, Timeout{executor, claim}); }
  /// The next one that is over; nothing: none is.
  std::optional<Timeout> take_due(Time now) {
    if (timeouts_.empty() || timeouts_.begin()->first > now) return std::nullopt;
    const Timeout due = timeouts_.begin()->second;
    timeouts_.erase(timeouts_.begin());
    return due;
  }
  /// When the next one is over; nothing: there is none.
  std::optional<Time> next() const {
    if (timeouts_.empty()) return std::nullopt;
    return timeouts_.begin()->first;
  }

 private:
  std::multimap<Time, Timeout> timeouts_;
};

}  // namespace morrow::worker
