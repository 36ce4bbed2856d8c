// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>

#include "control/cluster.h"
#include "worker/brain/knobs.h"
#include "worker/brain/ledger.h"
#include "worker/brain/random_ids.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// When to look for work in the shared index, and what to ask it for. One claim is under way at a time.
/// index_claims.cc opens with the rules. Not thread-safe.
class IndexClaims {
 public:
  explicit IndexClaims(control::Incarnation incarnation, const Knobs& knobs)
      : incarnation_(incarnation), hand_ahead_(knobs.hand_ahead), starving_after_(knobs.starving_after) {}

  /// The index may hold work.
  void note_work() { may_hold_work_ = true; }
  /// Resources came free.
  void note_freed() { freed_ = true; }
  /// A blocked task awaits this one, which may be ready in the index: it is asked for by id.
  void want(control::FutureId id) { by_id_.insert(id); }
  void unwant(control::FutureId id) { by_id_.erase(id); }

  bool may_hold_work() const { return may_hold_work_; }
  bool under_way() const { return under_way_; }

  /// What to ask for now, if anything is to be asked for; then a claim is under way. Without room only what is wanted
  /// by id is asked for. `usual` is the time that tasks take.
  std::optional<control::ClaimRequest> start(Time now, bool room, const Ledger& ledger, Time usual, RandomIds& random);
  /// It is answered.
  void finish(const control::ClaimResult& result);

 private:
  void ask_for_work(Time now, const Ledger& ledger, Time usual, control::ClaimRequest& request);

  control::Incarnation incarnation_;
  Time hand_ahead_;
  Time starving_after_;
  bool may_hold_work_ = true;
  bool may_hold_rest_ = false;  ///< work for which there was no room at the last look
  bool freed_ = false;          ///< since the last look
  bool under_way_ = false;
  Time next_fair_ = 0;
  std::set<control::FutureId> by_id_;
};

}  // namespace morrow::worker
