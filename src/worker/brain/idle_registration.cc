// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/idle_registration.h"

namespace morrow::worker {

std::optional<action::SetIdle> IdleRegistration::update(Time now, bool idle, bool waiting, const Ledger& ledger,
                                                        bool has_others) {
  if (!idle) {
    idle_since_ = 0;
    if (!registered_ || !waiting) return std::nullopt;
    registered_ = false;
    return action::SetIdle{false, {}};
  }
  if (idle_since_ == 0 || (registered_ && !ledger.free().fits_in(free_))) {
    // What is free now and was not when it registered would be looked for by nobody here.
    idle_since_ = now;
    registered_ = false;
  } else if (!registered_ && now - idle_since_ >= idle_after_ && has_others) {
    registered_ = true;
    free_ = ledger.free();
    return action::SetIdle{true, free_};
  }
  return std::nullopt;
}

std::optional<Time> IdleRegistration::deadline(bool has_others) const {
  if (idle_since_ == 0 || registered_ || !has_others) return std::nullopt;
  return idle_since_ + idle_after_;
}

}  // namespace morrow::worker
