// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "control/faults.h"

namespace morrow::simulation {

using control::Fault;

/// The planted faults by the names that the command line knows.
inline const std::vector<std::pair<Fault, const char*>>& fault_names() {
  static const std::vector<std::pair<Fault, const char*>> names{
      {Fault::kLostWakeUp, "lost_wake_up"},
      {Fault::kEarlyDecision, "early_decision"},
      {Fault::kEarlyDependent, "early_dependent"},
      {Fault::kRisenFuture, "risen_future"},
      {Fault::kRetriedChildren, "retried_children"},
      {Fault::kRevivedCreation, "revived_creation"},
      {Fault::kDrainedInbox, "drained_inbox"},
      {Fault::kForgottenRound, "forgotten_round"},
      {Fault::kIdleWithoutLook, "idle_without_look"},
      {Fault::kCancelledAfterEnd, "cancelled_after_end"},
      {Fault::kScopeBySnapshot, "scope_by_snapshot"},
      {Fault::kNoAdoption, "no_adoption"},
      {Fault::kReleasedWhileNeeded, "released_while_needed"},
      {Fault::kStolenSession, "stolen_session"},
      {Fault::kEndedOverChildren, "ended_over_children"},
      {Fault::kResentAhead, "resent_ahead"},
      {Fault::kUncountedResend, "uncounted_resend"},
      {Fault::kUncountedDeath, "uncounted_death"},
      {Fault::kFreedBySnapshot, "freed_by_snapshot"},
      {Fault::kReplicaOfGone, "replica_of_gone"},
      {Fault::kBegunBehindWalk, "begun_behind_walk"},
      {Fault::kForgottenClaim, "forgotten_claim"},
      {Fault::kPostedToDead, "posted_to_dead"},
      {Fault::kLeftFanout, "left_fanout"},
      {Fault::kLeftSessions, "left_sessions"},
      {Fault::kHalfEvicted, "half_evicted"},
      {Fault::kHalfEnded, "half_ended"},
      {Fault::kUnpinned, "unpinned"},
      {Fault::kUnlistedScope, "unlisted_scope"},
      {Fault::kEndedOrphan, "ended_orphan"},
      {Fault::kOlderAnswer, "older_answer"},
      {Fault::kWokenInSight, "woken_in_sight"},
      {Fault::kHeldUpFromBelow, "held_up_from_below"},
      {Fault::kEarlyAck, "early_ack"},
      {Fault::kSilenceByClock, "silence_by_clock"},
      {Fault::kSwallowedWork, "swallowed_work"},
      {Fault::kFailedByFirst, "failed_by_first"},
      {Fault::kUnwrittenAck, "unwritten_ack"},
      {Fault::kHeldDeletions, "held_deletions"},
      {Fault::kUnseenCircle, "unseen_circle"},
      {Fault::kFailedBystander, "failed_bystander"},
      {Fault::kOnceAhead, "once_ahead"},
      {Fault::kEndedWithSession, "ended_with_session"},
      {Fault::kKeptName, "kept_name"},
      {Fault::kUnbeaten, "unbeaten"},
  };
  return names;
}

/// kNone when there is no such fault.
inline Fault fault_by_name(std::string_view name) {
  for (const auto& [fault, known] : fault_names()) {
    if (name == known) return fault;
  }
  return Fault::kNone;
}

}  // namespace morrow::simulation
