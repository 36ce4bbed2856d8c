// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/invariant.h"
#include "control/round.h"
#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/brain/awaits.h"
#include "worker/brain/backlog.h"
#include "worker/brain/cap_relief.h"
#include "worker/brain/cluster_view.h"
#include "worker/brain/commit_queue.h"
#include "worker/brain/durations.h"
#include "worker/brain/executor_states.h"
#include "worker/brain/held_task.h"
#include "worker/brain/idle_programs.h"
#include "worker/brain/idle_registration.h"
#include "worker/brain/index_claims.h"
#include "worker/brain/knobs.h"
#include "worker/brain/ledger.h"
#include "worker/brain/long_waits.h"
#include "worker/brain/paused_tasks.h"
#include "worker/brain/program_starts.h"
#include "worker/brain/random_ids.h"
#include "worker/brain/recent_outcomes.h"
#include "worker/brain/round_in_flight.h"
#include "worker/brain/run_times.h"
#include "worker/brain/sessions.h"
#include "worker/brain/shortage.h"
#include "worker/brain/store_looks.h"
#include "worker/brain/task_seen.h"
#include "worker/brain/task_table.h"
#include "worker/brain/task_totals.h"
#include "worker/brain/timeouts.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// How much room in the store a change needs.
store::Room room_of(const control::Op& change);

/// The worker's decisions: a deterministic state machine with no I/O, clock or thread. The shell calls an event for all
/// that happened, then `step`, and carries out the actions in their order. Events come with the time it is, which never
/// goes back; those that answer an action at once happen at the time of the event before. Not thread-safe.
///
/// It knows what to do when; what there is it leaves to its parts, each a class of this folder with its own invariants
/// and tests: the tasks it holds and where they are, the executors, who awaits what, the queue of changes. Its
/// functions stand by what they are about: changes.cc (what clients ask for), rounds.cc and results.cc (to the store
/// and back), waiting.cc, schedule.cc and dispatch.cc (what runs where), executor_events.cc, unstartable.cc,
/// work_from_index.cc.
class Brain {
 public:
  /// Which worker it decides for, and with what.
  struct Setup {
    control::Incarnation incarnation = 0;
    control::WorkerInfo info;  ///< name, host, total…: published with the heartbeat
    std::uint64_t seed = 0;    ///< of all random numbers it draws
    Knobs knobs;
  };
  explicit Brain(Setup setup);
  Brain(const Brain&) = delete;
  Brain& operator=(const Brain&) = delete;

  // ---- a driver's events ----
  void session_opening(Time now, ClientId client, control::SessionId session, const std::string& program, bool resume,
                       std::uint64_t grace_ms, std::uint64_t opening = 0, Time store_patience = kStorePatience);
  /// The connection ended. What the session asked before is carried on.
  void client_gone(Time now, ClientId client);
  /// It is about to ask for the end of its session: all that it asked before is to be committed, or given up.
  void session_ending(Time now, ClientId client);
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
  /// A person wants it, and no driver counts it.
  void cancel_by_order(Time now, control::FutureId id);
  void open_scope(Time now, const Asker& asker, control::ScopeId scope, control::ScopeId parent);
  void end_scope(Time now, const Asker& asker, control::ScopeId scope);
  void flush(Time now, const Waiter& who);

  // ---- waiting ----
  using AwaitRequest = worker::AwaitRequest;
  void await(Time now, const Waiter& who, AwaitRequest request);
  void unawait(Time now, const Waiter& who, std::uint64_t token);

  // ---- executors ----
  void executor_started(Time now, ExecutorId executor);

  /// How an executor ended, as far as it matters for its tasks.
  struct Exit {
    std::vector<std::uint32_t> taken;  ///< slots whose claim words the executor had taken
    control::Outcome crash;            ///< the failure to charge to the task that ran
    std::string reason;                ///< how it ended, for people
  };
  void executor_exited(Time now, ExecutorId executor, const Exit& exit);
  /// An executor that is to start can't: none of this program that has not started will be heard of again.
  void program_failed(Time now, const std::string& program, const std::string& reason);

  /// How an attempt ended.
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
  /// Those that run on top of others now.
  std::vector<NestedRun> nested_runs() const;
  /// This nested run waits for a lock, and for ever if one under it has that: its process ends, its tasks begin anew,
  /// and nothing is started on top of such functions again. False: it stands no more where it stood.
  bool nested_run_stands_still(Time now, ExecutorId executor, control::Claim claim);

  // ---- objects ----
  /// This worker has got a copy of the value of `id`; FreeObjects follows at once when nobody needs it any more.
  void object_copied(Time now, control::FutureId id, std::uint64_t object);
  /// Its copy is damaged or gone.
  void object_dropped(Time now, control::FutureId id);
  /// What runs in this executor waits for room in the object memory (`lacks`), or has it. While it waits, what blocked
  /// tasks need may run on its cpus.
  void room_lacks(Time now, ExecutorId executor, bool lacks);
  /// Whether one that waits for room could go on if it had it: its cpus are its own, or can be had back.
  bool could_use_room(ExecutorId executor) const;
  /// The task in this executor holds what others need to go on: its process ends, and it begins anew. That is no try.
  void interrupt(Time now, ExecutorId executor);
  /// The value that this answer brings is here. False: the question was taken back meanwhile.
  bool object_here(const action::Ready& answer);
  /// No living worker has the value that this answer was to bring: it is computed again, and the client waits on.
  void object_lost(Time now, const action::Ready& answer);

  // ---- the store ----
  void round_done(Time now, control::RoundResult result);
  void claim_done(Time now, control::ClaimResult result);
  void ready_dependencies_done(Time now, control::FutureId id, const std::vector<control::FutureId>& ready);
  /// Deadlocks were looked for, after an action::NoteLongWaits. What ended leaves scopes that close, and checks.
  void deadlocks_ended(Time now, const std::vector<control::ScopeId>& endings,
                       const std::vector<control::FutureId>& checks);
  void signalled(Time now);  ///< the signal key changed, or a wake-up in doubt
  void checks_found(Time now, const std::vector<control::FutureId>& checks);  ///< left behind by a crash or an overflow
  /// All workers of the cluster as the store has them; they tell which tasks could run at all, and whether others could
  /// help.
  void workers_seen(Time now, const std::vector<control::WorkerSeen>& workers);
  /// A session whose driver vanished for longer than its grace.
  void session_abandoned(Time now, control::SessionId session, std::uint64_t attachment);

  /// Stops taking work: gives back all that runs or waits here. Done when `drained`.
  void stop(Time now);
  bool drained() const;
  /// Takes no new work: gives back what has not begun, and lets what runs come to its end. Done when `ran_out`.
  void drain(Time now);
  bool ran_out() const;

  /// Decides on all that was told since the last step. Call it once after a batch of events.
  void step(Time now);
  /// The actions of the steps and events so far, in order; they are given once.
  std::vector<Action> take_actions();
  /// When `step` must be called again with no event; 0: never.
  Time next_deadline() const;
  /// Whether something is likely to happen at once: a brief task runs, or a commit is on its way.
  bool expects_soon() const;

  // ---- to look at ----
  /// What it publishes of itself, as it is now.
  control::WorkerInfo info() const;
  control::Resources used() const;
  std::size_t executors() const;
  const control::Runnable* running(ExecutorId executor) const;  ///< the task that runs in it now; null: none
  /// Where a task is; nothing: this worker does not hold it.
  std::optional<TaskSeen> explain(control::FutureId id) const;
  std::vector<TaskSeen> explain_all() const;
  /// Those that an executor works on, whatever else waits.
  std::vector<TaskSeen> explain_running() const;
  /// Those that run, or are to run, what the tasks of this executor are blocked for.
  std::vector<ExecutorId> awaited_executors(ExecutorId executor) const;
  /// Since the start.
  struct Counters {
    std::uint64_t rounds = 0;
    std::uint64_t commits = 0;    ///< transactions of these rounds
    std::uint64_t conflicts = 0;  ///< tries of them that found that others had changed what they read
    std::uint64_t bytes = 0;      ///< of these rounds, about
    std::uint64_t tasks = 0;      ///< given to executors
    std::uint64_t values = 0;     ///< attempts that ended with a value
    Durations waited;             ///< from a task's coming here to its start
    Durations ran;                ///< from an attempt's start to its end, without its waits for other futures
    Durations committed;          ///< from a round's start to its answer
  };
  const Counters& counters() const { return counters_; }
  /// How long the round that is under way has been so; 0: none is.
  Time commit_lasts(Time now) const;
  /// How many tasks wait here for a process and resources, by what they need.
  std::vector<std::pair<control::Resources, std::size_t>> queued_by_need() const;
  /// That the store is full.
  const Shortage& shortage() const { return commits_.shortage; }
  /// How the tasks of each name ended here.
  const TaskTotals& totals() const { return totals_; }
  /// Changes that wait to be committed.
  std::size_t waiting_changes() const { return commits_.queue.size(); }

 private:
  /// What is to be committed, and how that goes.
  struct Commits {
    CommitQueue queue;
    RoundInFlight round;
    Shortage shortage;
  };
  /// Who waits for what.
  struct Waiting {
    Awaits awaits;
    CapRelief cap_relief;
    RecentOutcomes recent_outcomes;
    LongWaits long_waits;
  };
  /// Tasks that are to start later, and programs that can't.
  struct Starting {
    PausedTasks paused;
    ProgramStarts programs;
    IdlePrograms idle;
    std::vector<control::CannotStart> told;  ///< as this worker published it last
  };
  /// The cluster's other workers, and the work that comes from them and goes to them.
  struct Others {
    ClusterView view;
    StoreLooks looks;
    IndexClaims index_claims;
    IdleRegistration idle;
  };

  using StackPosition = ExecutorStates::StackPosition;

  /// What a round will give to this worker, if its futures can run at once.
  struct RoundLoad {
    control::Resources resources;
    Time time = 0;  ///< sum of what they are expected to take
  };

  // brain.cc
  void advance(Time now) {
    MORROW_INVARIANT(now >= now_, "time does not go back", now, now_);
    now_ = now;
  }
  template <class A>
  void act(A action) {
    actions_.emplace_back(std::move(action));
  }
  void end_overdue();
  void look_at_queues();
  void publish_heartbeat();
  void push_heartbeat();
  void poll();
  void register_idle();
  void drain_inbox();
  void fence();
  void tell_unschedulable(const control::Spec& spec);
  /// It takes no new work.
  bool leaves() const { return stopping_ || draining_; }

  // changes.cc
  template <class O>
  void change(const Asker& asker, O op, bool due);
  bool origin_of(const Asker& asker, control::Origin& origin);
  HeldTaskPtr new_task(control::FutureId id, control::SpecPtr spec);

  // rounds.cc
  CommitQueue::Position push(control::Op op, HeldTaskPtr task, bool due, const Waiter& who = {},
                             std::uint64_t number = 0);
  void relinquish(const HeldTaskPtr& task);
  /// What waits here, is committed and `goes` is for others. False: nothing was.
  template <class Goes>
  bool relinquish_waiting(Goes goes) {
    const auto taken = backlog_.take_committed(goes, HeldTask::Place::kEnded);
    for (const HeldTaskPtr& task : taken) relinquish(task);
    return !taken.empty();
  }
  void finish(const HeldTaskPtr& task, control::OutcomePtr outcome, bool may_hold_futures);
  void wait_for_earlier();
  void build_round();
  void start_round(std::vector<Item> items, store::Room room);
  void prepare(Item& item, RoundLoad& load);
  void prepare_submit(control::op::Submit& submit, HeldTask& task, RoundLoad& load);
  bool is_brief(const control::Spec& spec) const;

  // full_store.cc
  struct LeftBehind;
  store::Room room_of(const Item& item);
  std::vector<Item> take_passing(store::Room room);
  void build_round_while_full();
  void refused_by_store(std::vector<Item> items, store::Room room, std::string sentence);
  void store_has_room();
  void tell_shortage(const SessionState& session);
  bool is_overdue(const Item& item);
  void give_up_overdue();
  void give_up(Item& item);

  // results.cc
  void op_done(const Item& item, const control::Op& change, const control::OpResult& result);
  void submit_done(const HeldTaskPtr& task, const control::op::Submit& change, const control::OpResult& result);
  void end_done(const HeldTaskPtr& task, const control::Op& change, const control::OpResult& result);
  void await_done(const control::op::Await& change, const control::OpResult& result);
  void check_done(const control::op::Check& change, const control::OpResult& result);
  void lost_done(const control::op::Lost& change, const control::OpResult& result);
  void drain_done(const control::OpResult& result);
  void session_opened(const control::op::OpenSession& change, const control::OpResult& result);
  void session_ended(const control::op::EndSession& change, const control::OpResult& result);
  void claimed_by_round(const control::OpResult& result);
  void check(control::FutureId id);
  HeldTaskPtr hold(control::Runnable runnable);
  void forget(const HeldTaskPtr& task);
  void resolve_again(control::FutureId id);
  control::OutcomePtr released_outcome() const;
  void free_unpublished(const HeldTask& task, const control::Outcome* published);

  // waiting.cc
  void answer(const AwaitPtr& await, std::uint32_t index, const control::OutcomePtr& outcome, bool pending);
  bool deliver(control::FutureId id, const control::OutcomePtr& outcome);
  void send_held_back(AwaitState& await);
  void await_again(const action::Ready& answer);
  void drop_await(const AwaitPtr& await);
  void drop_awaits(const Waiter& who);
  void remove_waiter(control::FutureId id, const AwaitPtr& await);
  void release_while_blocked(const StackPosition& position, bool hosts);
  void reacquire(StackedTask& stacked);
  bool try_resume(AwaitState& await, Time since);
  void want(control::FutureId id);
  bool stands_on_top(const AwaitState& await) const;
  std::optional<Time> first_resumable() const;
  void ask_store(control::FutureId id, AwaitedFuture& awaited);
  void want_put_off(const ExecutorState& executor);
  void look_at_long_waits();
  void relinquish_kept_out();

  // lending.cc
  bool start_on_lent(const HeldTaskPtr& task);
  void lend_cpus(StackedTask& stacked);
  void take_back_cpus(StackedTask& stacked);

  // schedule.cc
  void schedule();
  void start_wanted();
  void start_lanes();
  void hand_ahead();
  bool hand_one(ExecutorState& executor, Backlog::Lane& lane, Time& ahead);
  bool kept_for_resuming(const control::Resources& need) const;
  void enter_backlog(const HeldTaskPtr& task, bool front);
  Time estimate(const control::Spec& spec) const;
  bool room_for(const control::Spec& spec, const RoundLoad& load) const;
  std::size_t width(const control::Resources& need) const;
  bool at_cap() const;
  bool is_full() const;
  bool all_executors_blocked() const;
  void relieve_cap();
  bool needed_on_top(const HeldTask& task) const;
  void relinquish_unstarted();
  void relinquish_all_unstarted();

  // dispatch.cc
  bool fits(const control::Resources& need) const;
  bool try_start(const HeldTaskPtr& task);
  ExecutorState* idle_executor(const std::string& program, std::uint64_t gpu_micro);
  ExecutorState* new_executor(const std::string& program, std::uint64_t gpu_micro, bool above_cap);
  void dispatch(ExecutorState& executor, const HeldTaskPtr& task, bool nested);
  void note_start(const ExecutorState& executor, const HeldTask& task);

  // nested.cc
  bool try_nested(const HeldTaskPtr& task);
  bool can_host(const ExecutorState& executor, const control::Spec& spec) const;
  bool hosts_nobody(const StackedTask& stacked) const;
  bool finds_no_host(const HeldTask& task) const;
  void fail_what_none_hosts();

  // executor_events.cc
  void unstarted_done(ExecutorState& executor, const HeldTaskPtr& task, Done done);
  void end_execution(ExecutorState& executor);
  void end_of(const HeldTaskPtr& task, Done done);
  void release_resources(ExecutorState& executor, StackedTask& stacked);
  void revoke_queued(const ExecutorState& executor);
  void kill(ExecutorState& executor, control::OutcomePtr outcome);
  void not_run(std::vector<HeldTaskPtr> tasks);
  void wait_to_retry(const HeldTaskPtr& task);
  void fail_task(const HeldTaskPtr& task, control::FailureKind kind, std::string message);
  void interrupted(const HeldTaskPtr& task, bool begun);
  void cancel_local(control::FutureId id, control::Claim claim);
  void reap_idle();
  void end_program(const std::string& program, bool wanted);

  // unstartable.cc
  void note_start_failure(const std::string& program, std::string reason);
  bool left_to_others(const control::Spec& spec) const;
  std::vector<control::LeftToOthers> all_left_to_others() const;
  void settle_unstartable();
  void fail_unstartable(const HeldTaskPtr& task, const std::string& reason);

  // work_from_index.cc
  void claim_work();
  void give_to_idle();

  // explain.cc
  TaskSeen explain_alone(const HeldTask& task) const;
  void explain_handed(const HeldTask& task, TaskSeen& seen) const;

  Setup setup_;
  Time now_ = 0;  ///< of the last event
  RandomIds random_;
  std::vector<Action> actions_;
  Counters counters_;
  TaskTotals totals_;
  Ledger ledger_;
  Devices devices_;
  Sessions sessions_;
  TaskTable tasks_;
  RunTimes run_times_;
  Backlog backlog_;
  ExecutorStates executors_;
  Timeouts timeouts_;
  std::uint64_t lent_cpu_micro_ = 0;  ///< by tasks that wait for room in the object memory
  Starting starting_;
  Time next_reap_ = 0;
  Waiting waiting_;
  Commits commits_;
  Others others_;
  bool stopping_ = false;
  bool draining_ = false;
  bool fenced_ = false;
};

}  // namespace morrow::worker
