// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_map>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// For a worker that has all executors it may have, and all of them blocked: now and then it finds out what must run
/// for one of them to go on, and remembers on whose stack that may run. Not thread-safe.
class CapRelief {
 public:
  /// Whether to look now; then not again for a while.
  bool start_look(Time now) {
    if (now < next_look_) return false;
    next_look_ = now + kBetweenLooks_ns;
    return true;
  }
  Time next_look() const { return next_look_; }

  /// What this executor awaits, itself or through what it depends on.
  void note_need(control::FutureId id, ExecutorId executor) { executors_[id] = executor; }
  /// 0: not known to be needed.
  ExecutorId executor_that_needs(control::FutureId id) const {
    const auto found = executors_.find(id);
    return found == executors_.end() ? 0 : found->second;
  }

 private:
  static constexpr Time kBetweenLooks_ns = 20'000'000;  // some commits: what the last look found has had its chance

  std::unordered_map<control::FutureId, ExecutorId> executors_;
  Time next_look_ = 0;
};

}  // namespace morrow::worker
