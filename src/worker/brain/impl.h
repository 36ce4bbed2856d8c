// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "worker/brain/brain.h"
#include "worker/brain/commit_queue.h"
#include "worker/brain/ledger.h"
#include "worker/brain/recent_outcomes.h"

/// The inside of the brain, shared by the files of this folder; nobody else includes it.
namespace morrow::worker {

/// A future that this worker holds: submitted here and not yet committed, or claimed by it.
struct Task {
  enum class Place : std::uint8_t {
    kStored,   ///< its submit is on the way to the store and nothing else is decided: it waits, or goes to the index
    kBacklog,  ///< to be run here
    kHanded,   ///< with an executor
    kEnded,    ///< its end is known and on the way to the store
    kDropped,  ///< no longer ours: cancelled, fenced or given back
  };
  control::Runnable run;
  Place place = Place::kStored;
  bool committed = false;  ///< the store says that we claimed it
  bool asked = false;      ///< it submitted or freed something itself: its end is an operation of its own
  bool begun = false;      ///< queued at an executor, which did not let it be taken back
  bool wanted = false;     ///< a task that stands still here awaits it
  Time arrived = 0;
  CommitQueue::Position submit = 0;  ///< of its submit, while !committed
  ExecutorId executor = 0;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  std::uint32_t interruptions = 0;
  Time counted = 0;  ///< what the backlog counts for it
  control::OutcomePtr outcome;
  bool may_hold_futures = false;
  control::op::LostValue lost;  ///< why it did not run
};

/// Tasks of the same program and the same requirements, first come first served.
struct Lane {
  std::string program;
  control::Resources requirements;
  std::deque<TaskPtr> waiting;  ///< may hold tasks that left the backlog by another door: skip them
};

/// One await of a client.
struct AwaitState {
  Waiter who;
  Brain::AwaitRequest request;
  std::uint64_t again = 0;             ///< of an await of lost values: its number, as the token has one already
  std::vector<std::uint32_t> indices;  ///< of lost values: where each stood in the client's question
  std::vector<bool> answered;
  std::uint32_t unanswered = 0;
  std::uint32_t missing = 0;             ///< answers until it is satisfied
  std::vector<action::Ready> held_back;  ///< given when the task has its slot again: large values, and the last answer
  bool resumes = false;                  ///< it stands in `resume_`
  bool lends = false;
};
using AwaitPtr = std::shared_ptr<AwaitState>;

/// A task on the stack of an executor; only the last one runs.
struct Frame {
  TaskPtr task;
  control::Resources held;  ///< what it took, without what it lent
  control::Resources lent;  ///< given back while it waits
  bool is_lent = false;
  bool hosts = false;  ///< while it waits: a nested run may go on top
  Time running_since = 0;
  Time ran = 0;  ///< before `running_since`
};

struct Executor {
  ExecutorId id = 0;
  std::string program;
  bool started = false;
  std::vector<unsigned> devices;       ///< it sees these for life
  std::vector<unsigned> held_devices;  ///< taken for the task that runs now
  std::vector<Frame> frames;           ///< empty: idle
  std::deque<TaskPtr> queued;          ///< handed ahead, after frames[0]
  Time queued_time = 0;                ///< estimated sum of them
  control::Claim collected = 0;        ///< the task at whose expense its results were collected
  std::uint32_t generation = 0;
  Time idle_since = 0;
  bool killed = false;
  control::OutcomePtr kill_outcome;  ///< to charge to the topmost task; null with `killed`: charge nothing
};

struct SessionState {
  control::SessionId id = 0;
  std::uint64_t attachment = 0;
  ClientId client = 0;
  std::string program;
  std::set<std::string> told_unschedulable;  ///< shapes
};

/// Who waits for a future, here.
struct Awaited {
  boost::container::small_vector<std::pair<AwaitPtr, std::uint32_t>, 1> waiters;
  bool asked = false;       ///< an op::Await is on the way
  bool registered = false;  ///< the store knows that this worker waits
};

/// What a round will give to this worker, if its futures can run at once.
struct Promised {
  control::Resources resources;
  Time time = 0;
  void add(const control::Resources& more, Time takes) {
    resources += more;
    time += takes;
  }
};

class Brain::Impl {
 public:
  explicit Impl(Setup setup);

  // brain.cc
  void step(Time now);
  void deadlines(Time now);
  Time next_deadline() const;
  bool expects_soon() const;
  std::uint64_t draw();
  template <class A>
  void act(A action) {
    actions_.emplace_back(std::move(action));
  }
  void stop(Time now);
  bool drained() const;
  void workers_seen(Time now, const std::vector<control::WorkerSeen>& workers);
  void tell_unschedulable(control::SessionId session, const control::Spec& spec);
  bool nobody_could_run(const control::Resources& need) const;
  std::string largest_worker() const;

  // changes.cc: what clients ask for
  void session_opening(Time now, ClientId client, control::SessionId session, const std::string& program, bool resume,
                       std::uint64_t grace_ms, std::uint64_t opening);
  void client_gone(Time now, ClientId client);
  void end_session(Time now, ClientId client, std::uint64_t number);
  void submit(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec);
  void put(Time now, const Asker& asker, control::FutureId id, control::SpecPtr spec, control::OutcomePtr outcome);
  template <class O>
  void change(Time now, const Asker& asker, O op, bool due);
  bool origin_of(const Asker& asker, control::Origin& origin);
  void flush(Time now, const Waiter& who);

  // rounds.cc: what goes to the store; results.cc: what comes back; index_claims.cc: work from the index
  CommitQueue::Position push(Time now, control::Op op, TaskPtr task, bool due, const Waiter& who = {},
                             std::uint64_t number = 0);
  void build_round(Time now);
  bool prepare(Item& item);
  void round_done(Time now, control::RoundResult result);
  void submit_done(Time now, const Item& item, const control::op::Submit& change, const control::OpResult& result);
  void end_done(Time now, const Item& item, const control::Op& change, const control::OpResult& result);
  void await_done(Time now, const control::op::Await& op, const control::OpResult& result);
  void check_done(Time now, const control::op::Check& op, const control::OpResult& result);
  void claimed_by_round(Time now, const control::OpResult& result);
  void lost_done(Time now, const control::op::Lost& op, const control::OpResult& result);
  void drain_done(Time now, const control::OpResult& result);
  void claim_done(Time now, control::ClaimResult result);
  void want_claim(Time now);
  void wait_for_earlier(Time now);
  bool is_brief(const control::Spec& spec) const;
  void check(Time now, control::FutureId id);
  TaskPtr hold(Time now, control::Runnable runnable);
  void finish(Time now, const TaskPtr& task, control::OutcomePtr outcome, bool may_hold_futures);
  control::OutcomePtr released() const;
  void forget(const TaskPtr& task);
  void resolve_again(Time now, control::FutureId id);

  // awaits.cc: who waits
  void await(Time now, const Waiter& who, AwaitRequest request);
  void unawait(Time now, const Waiter& who, std::uint64_t token);
  void drop_await(Time now, const AwaitPtr& state);
  void forget_await(const AwaitState& state);
  bool more_missing(const AwaitState& state) const;
  bool came(const action::Ready& answer);
  void await_again(Time now, const action::Ready& answer);
  void drop_awaits(Time now, const Waiter& who);
  bool deliver(Time now, control::FutureId id, const control::OutcomePtr& outcome);
  void answer(Time now, const AwaitPtr& state, std::uint32_t index, const control::OutcomePtr& outcome, bool pending);
  void remove_waiter(Time now, control::FutureId id, const AwaitPtr& state);
  void lend(Time now, Executor& executor, Frame& frame, bool hosts);
  void give_back(AwaitState& state);
  void resume(Time now);
  bool try_resume(Time now, const AwaitPtr& state, Time since);
  void want(Time now, control::FutureId id);
  bool stands_still_for(control::FutureId id) const;

  // schedule.cc: what runs where
  void schedule(Time now);
  Lane& lane_of(const control::Spec& spec);
  void prefetch(const Task& task);
  void enter_backlog(Time now, const TaskPtr& task, bool front);
  bool try_start(Time now, const TaskPtr& task);
  bool try_nested(Time now, const TaskPtr& task);
  Executor* idle_executor(const std::string& program, std::uint64_t gpu_milli);
  Executor* new_executor(Time now, const std::string& program, std::uint64_t gpu_milli, bool above_cap);
  bool evict_idle(Time now);
  void dispatch(Time now, Executor& executor, const TaskPtr& task, bool nested);
  void hand_ahead(Time now);
  bool hand_one(Time now, Executor* executor, Lane& lane, Time& ahead);
  Time estimate(const control::Spec& spec) const;
  void learn(const control::Spec& spec, Time ran);
  bool room_for(const control::Spec& spec, const Promised& promised = {}) const;
  std::size_t width(const control::Resources& need) const;
  bool kept_for_resuming(Time now, const control::Resources& need);
  TaskPtr head(Lane& lane);
  void leave_backlog(Task& task);
  /// No process is left for anything new: an idle one runs it, or gives its place to one of another program.
  bool at_cap() const;
  void at_the_cap(Time now);
  void give_back_unstarted(Time now);

  // executor_events.cc: what executors say
  void task_done(Time now, ExecutorId id, Done done);
  void end_of(Time now, const TaskPtr& task, Done done);
  void executor_exited(Time now, ExecutorId id, const Exit& exit);
  void program_failed(Time now, const std::string& program, const control::Outcome& failure);
  void revoked(ExecutorId id, std::uint32_t slot, std::uint32_t generation, bool taken_back);
  void revoke_queued(Time now, Executor& executor);
  void became_idle(Time now, Executor& executor);
  void cancel_local(Time now, control::FutureId id, control::Claim claim);
  void interrupted(Time now, const TaskPtr& task);
  void kill(Executor& executor, control::OutcomePtr outcome);
  void note_start(Time now, Executor& executor, const TaskPtr& task);
  void free_unpublished(const Task& task, const control::Outcome* published);
  void release_frame(Executor& executor, Frame& frame);
  Frame* frame_of(const Waiter& who, control::Claim claim, Executor** executor);
  void reap_idle(Time now);
  void fail_task(Time now, const TaskPtr& task, control::FailureKind kind, std::string message);

  Setup setup_;
  std::mt19937_64 random_;
  Ledger ledger_;
  Devices devices_;
  std::vector<Action> actions_;
  Brain::Counters counters_;
  Time now_ = 0;

  std::unordered_map<control::SessionId, SessionState> sessions_;
  std::unordered_map<ClientId, control::SessionId> clients_;

  // Flat tables on the path of every future: nothing may keep a reference into them across an insertion.
  template <class Key, class Value>
  using FlatMap = boost::unordered_flat_map<Key, Value, std::hash<Key>>;
  FlatMap<control::FutureId, TaskPtr> tasks_;
  FlatMap<control::Claim, TaskPtr> claims_;  ///< of tasks handed to executors
  CommitQueue commit_queue_;
  std::vector<Item> in_flight_;                  ///< their operations stand in `round_`
  std::shared_ptr<const control::Round> round_;  ///< on its way to the store
  bool round_in_flight_ = false;
  Time last_round_ = 0;
  Promised promised_;  ///< in the round that is being built
  std::unordered_set<control::FutureId> checking_;

  std::map<std::pair<std::string, std::string>, Lane> lanes_;
  Lane* last_lane_ = nullptr;   ///< where the last task went: the next one mostly goes there too
  std::deque<TaskPtr> wanted_;  ///< the latest first
  std::size_t backlog_ = 0;
  Time backlog_time_ = 0;  ///< estimated sum of the backlog
  struct Estimate {
    Time ran = 0;
    bool waits = false;  ///< it was seen to await: nothing is queued behind it
  };
  std::unordered_map<std::uint64_t, Estimate> estimates_;

  std::unordered_map<ExecutorId, Executor> executors_;
  std::map<std::string, std::vector<ExecutorId>> idle_;  ///< by program; the last one is the warmest
  std::unordered_set<ExecutorId> ahead_;                 ///< those with queued tasks
  ExecutorId last_executor_ = 0;
  std::multimap<Time, std::pair<ExecutorId, control::Claim>> timeouts_;
  Time next_reap_ = 0;

  std::map<std::pair<Waiter, std::uint64_t>, AwaitPtr> awaits_;
  std::map<std::pair<Waiter, std::uint64_t>, AwaitPtr> again_;  ///< of lost values
  /// Questions (by token) with answers on their way whose values are too large for a record.
  std::map<std::pair<Waiter, std::uint64_t>, std::uint32_t> coming_;
  std::uint64_t last_again_ = 0;
  FlatMap<control::FutureId, Awaited> awaited_;
  std::deque<std::pair<AwaitPtr, Time>> resume_;
  std::unordered_map<control::FutureId, Time>
      resuming_;                       ///< ended and not yet committed, with a task that stands still for it
  std::set<control::FutureId> by_id_;  ///< awaited by tasks that stand still here, and perhaps ready in the index
  std::unordered_map<control::FutureId, ExecutorId>
      dependents_of_wait_;  ///< found as needed by what an executor awaits, at the cap
  Time next_cap_look_ = 0;

  RecentOutcomes recent_outcomes_;

  bool index_maybe_ = true;  ///< the index may hold work for us
  bool index_rest_ = false;  ///< it may hold work for which there was no room at the last look
  bool given_back_ = false;  ///< since the last look something came free
  bool claim_in_flight_ = false;
  Time next_fair_claim_ = 0;
  bool drain_queued_ = false;
  Time next_poll_ = 0;

  std::vector<control::WorkerSeen> workers_;
  bool others_idle_ = false;
  bool is_idle_ = false;           ///< registered as idle
  control::Resources registered_;  ///< as free
  Time idle_since_ = 0;
  bool stopping_ = false;
  bool fenced_ = false;
};

}  // namespace morrow::worker
