// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/keys.h"
#include "control/records.h"
#include "control/round.h"
#include "control/types.h"
#include "store/store.h"

namespace morrow::control {

/// Bounds that keep a transaction well under 1 MB.
inline constexpr std::size_t kNeighbourLimit = 100;        ///< neighbours served at once; more are left to a fan-out
inline constexpr std::size_t kUnpinLimit = 64;             ///< dependencies let go at once; more are left to a fan-out
inline constexpr std::size_t kInboxBytes = 300'000;        ///< copies of a value posted at once
inline constexpr std::size_t kSpecPartBytes = 64'000;      ///< of a specification under one key
inline constexpr std::size_t kBuildingBytes = 300'000;     ///< a specification over this is written ahead, in chunks
inline constexpr std::size_t kBuildingDependencies = 200;  ///< more dependencies are linked ahead, in chunks
inline constexpr std::size_t kOutcomeBytes = 90'000;       ///< a larger value, or failure, does not fit in a state
inline constexpr std::size_t kUsesLimit = 1000;            ///< programs and files that one user has
inline constexpr int kDeepestScope = 1000;                 ///< scopes within each other that are walked
inline constexpr int kReapLimit = 50;                      ///< futures freed in passing by one operation

/// A future as the transaction sees it: read once, written through.
struct Entry {
  bool exists = false;
  bool counted = false;
  bool unclaimed = false;  ///< its claim ended a moment ago, and it stands nowhere yet
  record::State state;

  Status status() const { return status_of(state); }
  bool final() const { return exists && is_final(state); }
};

/// A scope as the transaction has read it.
struct ScopeEntry {
  bool exists = false;
  record::Scope scope;
  bool open() const { return exists && !scope.closing(); }
};

/// A session as the transaction has read and changed it.
struct SessionEntry {
  bool exists = false;
  bool dirty = false;
  record::Session session;
};

/// The waiters, dependents and needs of a future: read in one conflicting scan of its own prefix.
struct Neighbours {
  std::vector<Incarnation> waiters;
  std::vector<FutureId> dependents;
  std::vector<FutureId> needs;
  bool complete = true;  ///< false: the scan met its limit
};

/// The working set of one transaction: what it read, and the moves that all transitions are made of. Lives as long as
/// the transaction.
class Transition {
 public:
  /// `self` is the worker on whose behalf it runs: its lists take the checks and fan-outs.
  Transition(store::Transaction& transaction, Incarnation worker) : tx(transaction), self(worker) {}
  Transition(const Transition&) = delete;
  Transition& operator=(const Transition&) = delete;

  store::Transaction& tx;
  const Incarnation self;

  // What happened, for RoundResult.
  std::vector<FutureId> checks;
  std::vector<ScopeId> endings;
  std::vector<std::uint64_t> freed;  ///< objects of this worker
  bool reports_freed = false;        ///< else they are posted to its inbox, as to those of others
  bool indexed = false;
  bool fanouts = false;
  std::uint32_t records = 0;

  // ---- workers ----
  /// True while `incarnation` lives (a conflicting read: its eviction makes this transaction fail).
  bool alive(Incarnation incarnation);
  /// Wakes a living worker.
  void touch(Incarnation incarnation);

  // ---- futures (futures.cc) ----
  Entry& load(FutureId id);
  Neighbours neighbours(FutureId id);
  /// Writes the state, whose fields agree by now.
  void save(FutureId id, Entry& entry);
  /// Takes a future from one state to another, or into its first: the only place that does, but for create_final. Which
  /// ways there are stands in futures.cc.
  void move_to(FutureId id, Entry& entry, Status status);
  /// Writes a future that is final from its birth, without an entry for it. False: there is one already. The
  /// specification is kept when its value could be lost and computed again.
  bool create_final(FutureId id, const Outcome& outcome, const Spec& spec);
  /// Removes a final future that nobody needs: its state, specification, and the scope it adopted when that is empty.
  void erase(FutureId id, Entry& entry);
  SpecPtr spec(FutureId id, const record::State& state);
  void write_spec(FutureId id, Entry& entry, const std::string& bytes);
  void clear_spec(FutureId id, Entry& entry);
  /// The worker that has the large values a future needs, and for how long it waits for that one to take it.
  struct Home {
    Incarnation worker = 0;    ///< 0: anybody may take it at once
    std::uint64_t within = 0;  ///< microseconds
  };
  void enter_index(FutureId id, Entry& entry, const Home& home);
  void leave_index(Entry& entry);
  void hold(FutureId id, Entry& entry, Claim claim);
  /// The claim of a future ends, and the future goes on: it is ready and stands nowhere yet. Its scope ends too.
  void unclaim(FutureId id, Entry& entry);
  /// Ends the claim of a claimed future, and its scope; with `adopt` the future's own scope takes that over.
  void drop_claim(FutureId id, Entry& entry, bool adopt);

  // ---- ends (finish.cc) ----
  /// Makes the future final: waiters are told, dependents are checked, its own dependencies let go. Frees it when it
  /// was released.
  void finish(FutureId id, Entry& entry, const Neighbours& neighbours, const Outcome& outcome, bool adopt = false);
  /// Tells the worker that runs it.
  void tell_holder(FutureId id, const Entry& entry);
  void post_ended(Incarnation waiter, FutureId id, const record::State& state);
  void post_check(FutureId dependent, FutureId dependency, bool failed);
  /// Lets go of a dependency; when that was the last use of a released one, it is freed by `settle`.
  void unpin(FutureId dependent, FutureId dependency);
  /// Frees what `unpin` left without use. At the end of each operation.
  void settle();
  /// Frees a released future when nobody needs it any more.
  void reap(FutureId id);
  /// One chunk of a fan-out. True when more is left.
  bool fan_out(FutureId id);

  // ---- objects (objects.cc) ----
  /// This worker has the value of `id`.
  void add_holder(FutureId id, std::uint64_t object);
  /// Tells a worker that nobody needs an object any more.
  void tell_freed(Incarnation holder, std::uint64_t object);
  /// Tells all that hold the value of `id`.
  void free_object(FutureId id);
  /// See op::Lost.
  OpResult recompute(const op::LostValue& value, Claim claim);
  /// Another worker than this one, when much of what the run needs lies there and not here.
  Home home_of(const Runnable& runnable);

  // ---- dependencies (dependencies.cc) ----
  /// The failure that a future gets from a dependency that failed or is gone; nothing when that is unfinished or
  /// realized.
  std::optional<Outcome> failure_of(FutureId dependency, const Entry& entry);
  /// All a run of `id` needs; or, as `failure`, why it can't run; or neither, when a dependency is being computed
  /// again: then it needs that one once more.
  std::optional<Runnable> assemble(FutureId id, const Entry& entry, const SpecPtr& spec,
                                   std::optional<Outcome>& failure);
  /// Edges and needs to some dependencies. Gives the failure of one that failed (then nothing was linked), and adds to
  /// `missing`.
  std::optional<Outcome> link(FutureId id, const std::vector<FutureId>& dependencies, std::size_t begin,
                              std::size_t end, std::size_t& missing);
  /// A future with nothing missing: claimed here with `claim`, or indexed when that is 0, or when its large values lie
  /// with another worker and it was not `taken` from the index. Fails it when it can't run, and lets it wait when a
  /// dependency is being computed again.
  OpResult make_ready(FutureId id, Entry& entry, const SpecPtr& spec, Claim claim, bool taken = false);
  /// Looks at a future one of whose dependencies ended; takes the posted checks from the list of `list`.
  OpResult check(FutureId id, Claim claim, Incarnation list);

  // ---- sessions and scopes (sessions.cc, scopes.cc) ----
  SessionEntry& session(SessionId id);
  /// Passes or refuses what `origin` asks; with `apply` its number is used up.
  Verdict accept(const Origin& origin, bool apply = true);
  ScopeEntry& scope(ScopeId id);
  void save_scope(ScopeId id, ScopeEntry& entry);
  /// True when `scope` takes new futures and scopes; the scope of the origin's own claim is made when it is missing.
  bool enter_scope(const Origin& origin, ScopeId scope);
  bool scope_empty(ScopeId id);
  /// Ends a scope: at once when it is empty, else it is marked and listed for ending_step.
  void close_scope(ScopeId id, ScopeEntry& entry);
  void remove_scope(ScopeId id, ScopeEntry& entry);
  /// Lets go of what a session, or a detached future, uses of programs and files.
  void remove_uses(ScopeId user);

  // ---- detached futures (detached.cc) ----
  /// The scope of `id` belongs to nobody from here on, and is found by `name`. False: another one has that name.
  bool detach(FutureId id, const Spec& spec, const Origin& origin);

  /// What a detached future depends on stays until `let_go_needed`, also when its scopes are to end before.
  void keep_needed(FutureId id, const Spec& spec);
  /// It has ended.
  void let_go_needed(FutureId id);

  /// Writes what is gathered: the sessions' applied numbers.
  void flush();

 private:
  /// The same for all attempts of a task, and for no other task. Empty: it can't be told.
  std::string lineage(FutureId id);
  /// Counts its record, once, and lets it exist.
  void note_record(Entry& entry);

  std::unordered_map<FutureId, Entry> futures_;
  std::unordered_map<ScopeId, ScopeEntry> scopes_;
  std::unordered_map<SessionId, SessionEntry> sessions_;
  std::unordered_map<Incarnation, bool> alive_;
  std::unordered_set<Incarnation> touched_;
  std::unordered_set<FutureId> posted_;  ///< futures for which a check was posted
  std::vector<FutureId> loose_;
  record::State final_;  ///< of create_final, used again and again
  std::string bytes_;
  int reaped_ = 0;
  bool defer_ = false;
};

OpResult apply(Transition& t, const op::OpenSession& op);
OpResult apply(Transition& t, const op::Submit& op);
OpResult apply(Transition& t, const op::End& op);
OpResult apply(Transition& t, const op::Relinquish& op);
OpResult apply(Transition& t, const op::Await& op);
OpResult apply(Transition& t, const op::Unawait& op);
OpResult apply(Transition& t, const op::Release& op);
OpResult apply(Transition& t, const op::Cancel& op);
OpResult apply(Transition& t, const op::OpenScope& op);
OpResult apply(Transition& t, const op::EndScope& op);
OpResult apply(Transition& t, const op::EndSession& op);
OpResult apply(Transition& t, const op::Check& op);
OpResult apply(Transition& t, const op::AddReplica& op);
OpResult apply(Transition& t, const op::DropReplica& op);
OpResult apply(Transition& t, const op::Lost& op);
OpResult apply(Transition& t, const op::Drain& op);
OpResult apply(Transition& t, const op::Publish& op);

inline OpResult verdict(Verdict verdict) {
  OpResult result;
  result.verdict = verdict;
  return result;
}
inline OpResult finished(OutcomePtr outcome) {
  OpResult result;
  result.verdict = Verdict::kFinished;
  result.outcome = std::move(outcome);
  return result;
}
inline OpResult finished(const Entry& entry) { return finished(read_outcome(entry.state.outcome())); }

/// Makes a session, or the scope of a detached future, a user of a program or a file.
void add_user(store::Transaction& transaction, char family, std::string_view hash, SessionId user);

/// What a future with this outcome is.
Status final_status(const Outcome& outcome);

/// The outcome as it can be kept: one that is larger than a record may be becomes a kTooLarge failure.
OutcomePtr bounded(OutcomePtr outcome);

/// The requirements as they go into keys; nothing when they name more than a key can hold.
std::optional<std::string> shape_of(const Spec& spec);

/// Whether a value of it that is lost can be computed again, as far as the specification tells.
bool can_run_again(const Spec& spec);

/// The distinct futures of `ids`, in order.
std::vector<FutureId> distinct(const std::vector<FutureId>& ids);

/// Whether a submit is written ahead in chunks, and the chunks: 0, 1, … in transactions of their own. False when there
/// is none left.
bool needs_building(const op::Submit& op);
bool build(Transition& t, const op::Submit& op, std::size_t step);

}  // namespace morrow::control
