// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "control/types.h"
#include "store/store.h"

/// One round, one transaction: what a worker's clients asked for and what its executors finished, as a list of
/// operations that control applies in order. Every operation is idempotent: its ids were drawn before.
namespace morrow::control {

/// The origin of a change; decides which fence it must pass.
struct Origin {
  /// Which fence the change must pass.
  enum class Kind : std::uint8_t {
    kSession,    ///< a driver: dropped unless `attachment` is the session's own and `number` is above what was applied
    kExecution,  ///< a running task: dropped unless `claim` still holds `future`
    kWorker,     ///< this worker itself: fenced by its incarnation alone
  };
  Kind kind = Kind::kWorker;
  SessionId session = 0;
  std::uint64_t attachment = 0;
  std::uint64_t number = 0;
  FutureId future;
  Claim claim = 0;
  /// Of a session: it passes changes that wait for room, and comes once more in its turn. So its number is neither
  /// looked at nor used up.
  bool early = false;
};

namespace op {

/// Opens a session, or moves it here. The origin's session and attachment (random, new) are set; number is unused.
///
/// A driver that comes from another worker sets `reopen`: then a session that is gone stays gone (kAbsent). One whose
/// first open was never answered draws a new id instead.
struct OpenSession {
  SessionId session = 0;
  std::uint64_t attachment = 0;
  std::string program;  ///< 16 bytes
  std::uint64_t grace_ms = 10'000;
  bool reopen = false;
  /// The driver's count of its connections: an older one, which a worker that stood still finds in its buffers, does
  /// not take the session back (kStale). 0: not counted.
  std::uint64_t opening = 0;
};

/// Creates a future. With dependencies that are not finished it becomes waiting, whatever `how` says.
struct Submit {
  /// The state in which the future is created.
  enum class How : std::uint8_t {
    kIndex,  ///< ready, for any worker to claim
    kClaim,  ///< claimed by this worker with `claim`
    kEnded,  ///< it ran ahead of the commit and ended: written once, with `outcome`. One that submitted something
             ///< itself is kClaim, then what it submitted, then End, all in the same round
  };
  Origin origin;
  FutureId id;
  SpecPtr spec;
  How how = How::kIndex;
  Claim claim = 0;
  OutcomePtr outcome;             ///< of kEnded
  bool may_hold_futures = false;  ///< of kEnded: see End
  std::uint32_t tries =
      0;  ///< failed attempts to count from the start: 1 for a resent submit, which may have killed its worker
};

/// A value that was realized as `object` and is nowhere any more.
struct LostValue {
  FutureId future;
  std::uint64_t object = 0;  ///< 0: none
};

/// The execution `claim` of `id` ended. An outcome over 90 kB is kept as a kTooLarge failure; the result tells. A
/// failure that may be retried goes on with `next_claim` at this worker when that is set, else back to the index. Ends
/// the scope of the claim; a value that may hold futures makes the future's own scope adopt it.
struct End {
  FutureId id;
  Claim claim = 0;
  OutcomePtr outcome;
  bool may_hold_futures = false;
  Claim next_claim = 0;
  /// It never began, since this value of one of its dependencies is lost. Then that one is computed again and `id`
  /// waits for it; `outcome` counts only when that can't be.
  LostValue lost = {};
};

/// Gives a claimed future back to the index, unstarted or interrupted; `tries` is not counted up.
struct Relinquish {
  FutureId id;
  Claim claim = 0;
};

/// A client here waits for `id`: its outcome when it is finished, else this worker is registered as a waiter.
struct Await {
  FutureId id;
};

/// Nobody here waits for `id` any more.
struct Unawait {
  FutureId id;
};

/// Frees the future when nobody needs it any more; one that still runs is cancelled.
struct Release {
  Origin origin;
  FutureId id;
};

/// Ends the future as cancelled, unless it is finished. Its holder is told by its inbox.
struct Cancel {
  Origin origin;
  FutureId id;
};

/// Makes a scope inside of another one.
struct OpenScope {
  Origin origin;
  ScopeId scope = 0;
  ScopeId parent = 0;
};

/// Marks the scope as closing; `EndingStep` does the rest.
struct EndScope {
  Origin origin;
  ScopeId scope = 0;
};

/// Ends a session: of a driver that said goodbye (with its origin), or that vanished for longer than its grace (origin
/// kWorker, and only while `attachment` is still the session's own).
struct EndSession {
  Origin origin;
  SessionId session = 0;
  std::uint64_t attachment = 0;
};

/// A dependency of `id` ended (a posted check, or one found after an eviction): when none is missing any more it
/// becomes ready: claimed here with `claim` when that is set, else indexed. When one failed, it fails.
struct Check {
  FutureId id;
  Claim claim = 0;
};

/// This worker has a copy of the value of `id`, which is the object `number`. kAbsent: nobody needs it (any more).
struct AddReplica {
  FutureId id;
  std::uint64_t number = 0;
};

/// This worker has no copy of it any more.
struct DropReplica {
  FutureId id;
};

/// No living worker has this value (this one looked): it is computed again, claimed here with `claim` when it can run
/// at once and that is set. kFinished with a failure: it can't be, and that says why; with a value: it is there after
/// all, or again. kAgain: not now, ask once more.
struct Lost {
  LostValue value;
  Claim claim = 0;
};

/// Takes what was posted to this worker's inbox, at most `limit` items.
struct Drain {
  std::uint32_t limit = 1000;
};

/// Rewrites what others see of this worker.
struct Publish {
  std::shared_ptr<const WorkerInfo> info;  ///< by pointer: it is large, and every operation is as large as the largest
};

}  // namespace op

using Op = std::variant<op::OpenSession, op::Submit, op::End, op::Relinquish, op::Await, op::Unawait, op::Release,
                        op::Cancel, op::OpenScope, op::EndScope, op::EndSession, op::Check, op::AddReplica,
                        op::DropReplica, op::Lost, op::Drain, op::Publish>;

/// What became of an operation.
enum class Verdict : std::uint8_t {
  kDone,      ///< as asked
  kStale,     ///< fenced: the origin or claim is no longer the one; nothing was changed
  kAgain,     ///< Submit, OpenScope, Release…: its number was applied before (a resent message); nothing was changed
  kWaiting,   ///< Submit, Check, End, Lost: dependencies are missing; Lost: or it is being computed again already
  kReady,     ///< Submit, Check, End, Relinquish, Lost: stands in the index now
  kClaimed,   ///< Submit, Check, Lost, End (a retry): claimed by this worker; `runnable` is set
  kFinished,  ///< Await, Submit, Check, End, Cancel, Lost: the future is final; `outcome` is set
  kAbsent,    ///< no such future: it was released (or never was)
};

/// What happened to one operation.
struct OpResult {
  Verdict verdict = Verdict::kDone;
  OutcomePtr outcome;
  Runnable runnable;
  std::uint64_t applied = 0;  ///< OpenSession: the highest number applied so far

  /// A future awaited here that ended, or vanished: then with no outcome.
  struct Ended {
    FutureId id;
    OutcomePtr outcome;
  };
  /// What other workers had posted to this worker's inbox.
  struct Drained {
    std::vector<Ended> ended;
    std::vector<std::pair<FutureId, Claim>> cancelled;
    std::vector<std::uint64_t> freed;                        ///< objects here that nobody needs any more
    std::vector<std::pair<SessionId, std::uint64_t>> moved;  ///< with the attachment that they had here
    bool more = false;
  };
  std::shared_ptr<const Drained> drained;  ///< of a Drain
};

/// Operations of one worker that are committed together, in their order.
struct Round {
  Incarnation incarnation = 0;
  std::vector<Op> ops;
  store::Room room = store::Room::kNew;  ///< what the most demanding of them may take
};

/// What became of a round.
struct RoundResult {
  bool fenced = false;  ///< this worker's incarnation has ended: nothing more was committed, and nothing ever will be;
                        ///< no result counts
  std::vector<OpResult> results;     ///< one for each operation; when the store is full, for those that were committed
  std::string full;                  ///< not empty: the store has no room for the rest; the sentence says why
  std::vector<FutureId> checks;      ///< futures whose dependency ended in this round: Check them in a later one
  std::vector<std::uint64_t> freed;  ///< objects of this worker that nobody needs any more
  std::vector<ScopeId> endings;      ///< scopes that began to close: EndingStep works them off
  bool indexed = false;              ///< work was left in the index: others may be idle
  bool fanouts = false;  ///< a future with very many waiters, dependents or dependencies ended: fanout_step serves them
  std::uint32_t records = 0;    ///< future records (state or specification) written: for tests and counters
  std::uint32_t commits = 0;    ///< transactions that were needed (more than one when a conflict split the round)
  std::uint32_t conflicts = 0;  ///< tries of these that others were in the way of
  std::uint64_t committed_attempt =
      0;  ///< of apply_round: the try of this very round that had committed before; nothing was done now
};

/// Commits rounds of one worker. Lives on the store's thread.
class Committer {
 public:
  Committer(store::Store& store, Incarnation incarnation) : store_(store), incarnation_(incarnation) {}

  /// Applies `round` in one transaction. After a conflict in halves, then singly; an unknown commit is settled by the
  /// round's number. When the store has no room for it (Room), it stops and says how far it came. After another
  /// StoreError, call it again with the same round: it goes on where it stopped, so that nothing is applied twice.
  /// \throws store::StoreError
  RoundResult run(const Round& round);

 private:
  /// Operations that are committed together.
  struct Part {
    std::size_t begin;
    std::size_t end;
    bool ahead;  ///< the first one is a submit that is too large for a round: most of it is written before
  };
  void begin(const Round& round);
  void run_part(std::span<const Op> ops);
  void run_ahead(const op::Submit& submit);
  void committed(RoundResult&& result);
  void split();

  store::Store& store_;
  Incarnation incarnation_;
  std::optional<std::uint64_t> number_;  ///< of the last part; read from the store by the first
  const Round* round_ = nullptr;         ///< the one that is being applied, with all that follows
  RoundResult total_;
  std::deque<Part> parts_;          ///< what is left; the first is in work
  bool numbered_ = false;           ///< the first part has its number
  std::vector<RoundResult> tries_;  ///< of the first part: what each means if it is the one that committed
  bool unknown_ = false;            ///< the answer to one of them was lost
  std::size_t step_ = 0;            ///< of the writing ahead
};

/// One operation list in one transaction: what `Committer` runs for each part of a round.
RoundResult apply_round(store::Transaction& transaction, Incarnation incarnation, std::span<const Op> ops,
                        std::uint64_t number, std::uint64_t attempt);
inline RoundResult apply_round(store::Transaction& transaction, const Round& round, std::uint64_t number,
                               std::uint64_t attempt) {
  return apply_round(transaction, round.incarnation, round.ops, number, attempt);
}

}  // namespace morrow::control
