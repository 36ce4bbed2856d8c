// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "control/round.h"
#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/brain/knobs.h"
#include "worker/brain/ledger.h"

namespace morrow::worker {

/// The worker's decisions: a deterministic state machine with no I/O, clock or thread. The shell calls an event for all
/// that happened, then `step`, and carries out the actions in their order. Not thread-safe.
class Brain {
 public:
  struct Setup {
    control::Incarnation incarnation = 0;
    control::WorkerInfo info;  ///< name, host, total…: published with the heartbeat
    std::uint64_t seed = 0;    ///< of all random numbers it draws
    Knobs knobs;
  };
  explicit Brain(Setup setup);
  ~Brain();

  // ---- a driver's events ----
  void session_opening(Time now, ClientId client, control::SessionId session, const std::string& program, bool resume,
                       std::uint64_t grace_ms, std::uint64_t opening = 0);
  /// The connection ended. What the session asked before is carried on.
  void client_gone(Time now, ClientId client);
  void end_session(Time now, ClientId client, std::uint64_t number);

  // ---- changes, asked by a driver (claim 0) or a task; `number` counts them for each client ----
  struct Asker {
    Waiter who;
    control::Claim claim = 0;  ///< the execution that asks; 0 for a driver
    std::uint64_t number = 0;
    bool resent = false;
  };
  void submit(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec);
  /// A value that is there already.
  void put(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec, control::OutcomePtr outcome);
  void release(Time now, const Asker& asker, control::FutureId id);
  void cancel(Time now, const Asker& asker, control::FutureId id);
  void open_scope(Time now, const Asker& asker, control::ScopeId scope, control::ScopeId parent);
  void end_scope(Time now, const Asker& asker, control::ScopeId scope);
  void flush(Time now, const Waiter& who);

  // ---- waiting ----
  struct AwaitRequest {
    std::uint64_t token = 0;
    std::vector<control::FutureId> ids;
    control::Claim claim = 0;
    bool values = true;
    bool only_small = false;  ///< no value that lies in an object
    bool hosts = false;       ///< the waiting thread can run a task on top of its stack
    bool poll = false;
    std::uint32_t need = 0;  ///< 0: all
  };
  void await(Time now, const Waiter& who, AwaitRequest request);
  void unawait(Time now, const Waiter& who, std::uint64_t token);

  // ---- executors ----
  void executor_started(Time now, ExecutorId executor);
  struct Exit {
    std::vector<std::uint32_t> taken;  ///< slots whose claim words the executor had taken
    control::Outcome crash;            ///< the failure to charge to the task that ran
  };
  void executor_exited(Time now, ExecutorId executor, const Exit& exit);
  void program_failed(Time now, const std::string& program, const control::Outcome& failure);
  struct Done {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    control::Claim claim = 0;
    control::OutcomePtr outcome;
    bool may_hold_futures = false;
    std::uint64_t ran_ns = 0;
    bool unstarted = false;       ///< it was never given to the process, since a value that it needs is not here
    control::op::LostValue lost;  ///< this one, when no living worker has it
  };
  void task_done(Time now, ExecutorId executor, Done done);
  void revoked(ExecutorId executor, std::uint32_t slot, std::uint32_t generation, bool taken_back);

  // ---- objects ----
  /// This worker has got a copy of the value of `id`; FreeObjects follows at once when nobody needs it any more.
  void object_copied(Time now, control::FutureId id, std::uint64_t object);
  /// Its copy is damaged or gone.
  void object_dropped(Time now, control::FutureId id);
  /// The value that this answer brings is here. False: the question was taken back meanwhile.
  bool object_here(const action::Ready& answer);
  /// No living worker has the value that this answer was to bring: it is computed again, and who asked waits on.
  void object_lost(Time now, const action::Ready& answer);

  // ---- the store ----
  void round_done(Time now, control::RoundResult result);
  void claim_done(Time now, control::ClaimResult result);
  void ready_dependencies_done(Time now, control::FutureId id, const std::vector<control::FutureId>& ready);
  void signalled(Time now);  ///< the signal key changed, or a wake-up in doubt
  void checks_found(Time now, const std::vector<control::FutureId>& checks);  ///< left behind by a crash or an overflow
  /// All workers of the cluster as the store has them; used to tell who could run what, and whether others could help.
  void workers_seen(Time now, const std::vector<control::WorkerSeen>& workers);
  /// A session whose driver vanished for longer than its grace.
  void session_abandoned(Time now, control::SessionId session, std::uint64_t attachment);

  /// Stops taking work: gives back all that runs or waits here. Done when `drained`.
  void stop(Time now);
  bool drained() const;

  /// Decides on all that was told since the last step. Call it once after a batch of events.
  void step(Time now);
  /// The actions of the steps and events so far, in order; they are given once.
  std::vector<Action> take_actions();
  /// When `step` must be called again with no event; 0: never.
  Time next_deadline() const;
  /// Whether something is likely to happen at once: a brief task runs, or a commit is on its way.
  bool expects_soon() const;

  // ---- to look at ----
  control::Resources used() const;
  std::size_t executors() const;
  const std::string* task_name(ExecutorId executor) const;  ///< of the task that runs in it now; null: none
  control::SessionId task_session(ExecutorId executor) const;
  struct Counters {
    std::uint64_t rounds = 0, records = 0, commits = 0, tasks = 0, nested = 0, ran_ahead = 0, lent = 0,
                  resumed_late = 0, handed_back = 0, claimed = 0;
  };
  const Counters& counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace morrow::worker
