// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unordered_set>
#include <utility>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// Which looks at the store are queued already, so that each is queued once: at this worker's inbox (op::Drain), and at
/// futures that may be ready (op::Check). And when to look with no reason, should a wake-up have been lost. Not
/// thread-safe.
class StoreLooks {
 public:
  /// False: it is queued already.
  bool queue_drain() { return !std::exchange(drain_queued_, true); }
  /// It goes into a round now: what comes to the inbox from here on is worth another.
  void drain_goes() { drain_queued_ = false; }

  /// False: it is queued, or on its way.
  bool queue_check(control::FutureId id) { return checking_.insert(id).second; }
  void check_done(control::FutureId id) { checking_.erase(id); }

  /// 0: there was none yet.
  Time next_poll() const { return next_poll_; }
  void set_next_poll(Time at) { next_poll_ = at; }

 private:
  std::unordered_set<control::FutureId> checking_;
  bool drain_queued_ = false;
  Time next_poll_ = 0;
};

}  // namespace morrow::worker
