// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/brain/ledger.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// Whether this worker stands on the cluster's list of idle ones, from which others wake those that could help. It goes
/// there when it was idle for a while, since the list costs transactions, and says what is free. More that comes free
/// later is a reason to go there anew. Without other workers nobody would look. Not thread-safe.
class IdleRegistration {
 public:
  explicit IdleRegistration(Time idle_after) : idle_after_(idle_after) {}

  /// What is so now: tells whether the registration is to change. `waiting`: tasks wait here, so that it must not be
  /// woken for more.
  std::optional<action::SetIdle> update(Time now, bool idle, bool waiting, const Ledger& ledger, bool has_others);
  /// Another worker woke this one, and took it off the list.
  void note_woken() { registered_ = false; }

  /// When `update` is to be called again; nothing: at the next event.
  std::optional<Time> deadline(bool has_others) const;

 private:
  Time idle_after_;
  bool registered_ = false;
  control::Resources free_;  ///< as registered
  Time idle_since_ = 0;      ///< 0: it is not
};

}  // namespace morrow::worker
