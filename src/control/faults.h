// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Planted faults: each leaves out one rule, so that a test can show that the simulator would find it missing. They are
/// built in only with MORROW_PLANTED_FAULTS; otherwise `planted` is a constant, and nothing of them is left.
namespace morrow::control {

/// A mistake that can be planted in the control code, to see that the tests find it.
enum class Fault : std::uint8_t {
  kNone,
  kLostWakeUp,           ///< an end reads its waiters and dependents by snapshot
  kEarlyDecision,        ///< the transaction that ends a dependency decides whether its dependents can run
  kEarlyDependent,       ///< a check does not look whether other dependencies are missing
  kRisenFuture,          ///< messages of a session are taken from any attachment, with any number
  kRetriedChildren,      ///< a retry goes on under the claim of the execution that failed
  kRevivedCreation,      ///< a round does not read its worker's incarnation
  kDrainedInbox,         ///< a drain clears the whole inbox instead of what it read
  kForgottenRound,       ///< a round whose answer was lost does not find that it committed
  kIdleWithoutLook,      ///< an idle worker does not look once more after it registered
  kScopeBySnapshot,      ///< a submit reads by snapshot whether its scope closes
  kNoAdoption,           ///< handles that leave with a result are not adopted
  kReleasedWhileNeeded,  ///< a release takes effect though others need the future
  kStolenSession,        ///< a connection that a driver gave up takes its session back
  kEndedOverChildren,    ///< a task that submitted something is written once, as ended
  kCancelledAfterEnd,    ///< a cancel takes effect while a lost value is computed again
  kResentAhead,          ///< a submit that is sent again runs ahead of its commit
  kUncountedResend,      ///< a submit that is sent again begins with all its tries
  kUncountedDeath,       ///< the death of its worker is no try of a future
  kFreedBySnapshot,      ///< the end of a value reads its holders by snapshot
  kReplicaOfGone,        ///< a copy is noted of a value that is not the future's any more
  kBegunBehindWalk,      ///< a lost value is computed again in a scope that closes
  kForgottenClaim,       ///< a claim from the index whose answer was lost does not find that it committed
  kPostedToDead,         ///< an end is posted to a worker that is dead
  kLeftFanout,           ///< an eviction leaves what its worker had to tell to others
  kLeftSessions,         ///< an eviction leaves the sessions of its worker
  kHalfEvicted,          ///< an eviction whose worker died is not gone on with
  kHalfEnded,            ///< the end of a scope whose worker died is not gone on with
  kUnpinned,             ///< a submit pins only those dependencies that are unfinished
  kUnlistedScope,        ///< a scope that closes is not listed by its parent
  kEndedOrphan,          ///< a session that came back from being without a driver is ended all the same
  kOlderAnswer,          ///< that nobody has a future is told also to who asked since
  kWokenInSight,         ///< work left before another worker was in sight wakes nobody
  kHeldUpFromBelow,      ///< a task that can go on, but under another one, keeps all others from starting
  kEarlyAck,             ///< changes are acknowledged when their round begins
  kSilenceByClock,       ///< silence is told by the clock alone, not by the observer's own heartbeats
  kSwallowedWork,        ///< a worker where a program does not start goes on taking its futures
  kFailedByFirst,        ///< the first worker that gives a program up fails its futures
  kUnwrittenAck,         ///< what the store had no room for counts as committed
  kHeldDeletions,        ///< deletions wait behind what finds no room in the store
  kUnseenCircle,         ///< nobody looks for circles of waits
  kFailedBystander,      ///< who waits for any of some futures counts as waiting for all of them
  kOnceAhead,            ///< what may run once alone runs ahead of its commit
  kEndedWithSession,     ///< a detached future ends with its session
  kKeptName,             ///< the name of a detached future outlives it
  kUnbeaten,             ///< a worker that has nothing to say says nothing
};

#ifdef MORROW_PLANTED_FAULTS
inline Fault planted_fault = Fault::kNone;
inline bool planted(Fault fault) { return planted_fault == fault; }
#else
constexpr bool planted(Fault) { return false; }
#endif

}  // namespace morrow::control
