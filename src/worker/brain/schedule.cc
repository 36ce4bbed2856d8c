// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "worker/brain/brain.h"

// What runs here, and in which order. dispatch.cc says on which executor.
//
// It would be easy if tasks did not wait for each other. But a task submits others and awaits them; while it does, it
// keeps its process and its memory, and when too many stand open like that, nothing goes on any more: each process is
// blocked, each for another. So every rule here keeps few tasks open, and gets those to their end that are:
//
// - those whose values are there go on before anything new is started (`Awaits::resume`); but one under another one has
//   to wait for that, and keeps nothing from starting, since that one may wait for what was not started yet;
// - what a blocked task awaits comes next, the latest wish first (`start_wanted`), on top of its own stack if no
// process
//   is left; what tasks submit stands in front of its lane. So a tree of tasks is walked depth first;
// - then the lanes, by the age of their first tasks (`start_lanes`). A task that needs much and does not fit yet would
// be
//   starved by small ones that do; after a while it keeps them from starting;
// - cpus that a blocked task takes back within a moment are not given to anything new (`kept_for_resuming`);
// - a task that waits for room in the object memory lends its cpus to what blocked tasks await (lending.cc).
//
// Many tasks are shorter than the way to a process and back. Those that are known to be short are handed to an executor
// while it runs another one of the same lane, for as long as `Knobs::hand_ahead` at most (`hand_ahead`). That is a bet:
// when the one that runs takes longer or waits, the others are taken back by their claim words (`revoke_queued`).
//
// At the cap of executors with all of them blocked only the index helps (`relieve_cap`): what was not started goes
// there, for others; and what the ones on top of the stacks await is looked for there, with all that it depends on. It
// runs on top of the one that needs it and of no other, since it may await what stands under that: so on each stack
// everything is needed by what stands under it, and no two wait for each other.
//
// To read: Backlog, ExecutorStates, RunTimes; tests/worker/brain/brain_test.cc for each rule by an example.
namespace morrow::worker {

using Place = HeldTask::Place;

namespace {

constexpr std::size_t kHandAtOnce = 16;  // tasks to one executor before it is the next one's turn
constexpr std::size_t kSpareSlots = 24;  // of an executor's claim words, so that none is met twice
constexpr std::size_t kMaxMisses = 64;   // wanted tasks that find no place: more would not find one either

/// It may stand still at its start until its values are here: nothing is queued with it.
bool needs_objects(const HeldTask& task) {
  return std::any_of(task.run.dependencies.begin(), task.run.dependencies.end(),
                     [](const auto& value) { return static_cast<bool>(value->object); });
}

}  // namespace

/// What an execution is expected to take.
Time Brain::estimate(const control::Spec& spec) const {
  return run_times_.usual(spec.function_key, setup_.knobs.hand_ahead / 2);
}

/// How many tasks like this one run at once.
std::size_t Brain::width(const control::Resources& need) const {
  if (need.cpu_micro == 0) return setup_.knobs.executor_cap;
  return std::max<std::size_t>(ledger_.total().cpu_micro / need.cpu_micro, 1);
}

/// Whether what comes now is to be run here, beside what was promised in the same round.
bool Brain::room_for(const control::Spec& spec, const RoundLoad& load) const {
  if (at_cap() || (backlog_.time() + load.time) / width(spec.requirements) >= setup_.knobs.hand_ahead) return false;
  if (!others_.view.others_idle() || load.time == 0) return true;
  // Others could start at once what would wait here.
  control::Resources taken = load.resources;
  taken += spec.requirements;
  return taken.fits_in(ledger_.free());
}

void Brain::enter_backlog(const HeldTaskPtr& task, bool front) {
  backlog_.enter(task, estimate(*task->run.spec), front);
  // Large dependencies come while the task waits for its turn.
  action::Prefetch prefetch;
  for (std::size_t i = 0; i < task->run.dependencies.size(); ++i) {
    if (const control::ObjectRef& object = task->run.dependencies[i]->object)
      prefetch.objects.emplace_back(task->run.spec->dependencies[i], object);
  }
  if (!prefetch.objects.empty()) act(std::move(prefetch));
}

/// Cpus that a blocked task takes back within a moment are not given to anything new: else each commit that recursion
/// waits for opens another branch, and another process stands still in it. Nor are those that were lent (lending.cc).
bool Brain::kept_for_resuming(const control::Resources& need) const {
  const std::uint64_t kept =
      lent_cpu_micro_ + control::kOneMicro * waiting_.awaits.ended_within(now_, setup_.knobs.keep_for_resuming);
  return kept != 0 && need.cpu_micro != 0 && ledger_.free().cpu_micro < kept + need.cpu_micro;
}

void Brain::schedule() {
  waiting_.awaits.resume([this](const AwaitPtr& await, Time since) { return try_resume(*await, since); });
  if (draining_) return backlog_.drop_empty_lanes();
  start_wanted();
  if (first_resumable()) return;  // those whose values are there come before anything new
  start_lanes();
  settle_unstartable();
  hand_ahead();
  if (at_cap()) relieve_cap();
  backlog_.drop_empty_lanes();
  claim_work();
}

/// The latest wish first; those that find no place stay in their order.
void Brain::start_wanted() {
  std::deque<HeldTaskPtr> unplaced;
  while (unplaced.size() < kMaxMisses) {
    HeldTaskPtr task = backlog_.take_wanted();
    if (!task) break;
    if (!try_start(task) && !start_on_lent(task)) unplaced.push_back(std::move(task));
  }
  backlog_.return_wanted(unplaced);
}

void Brain::start_lanes() {
  const auto held = [this](const std::string& program) {
    return !starting_.programs.may_start(program) && !executors_.has_idle(program);
  };
  while (!backlog_.empty()) {
    Backlog::Lane* lane = backlog_.next_lane(
        now_, setup_.knobs.starving_after, [this](const control::Resources& need) { return fits(need); }, held);
    if (lane == nullptr) break;
    const HeldTaskPtr task = Backlog::head(*lane);
    if (kept_for_resuming(lane->requirements) || !try_start(task)) break;
    lane->waiting.pop_front();
  }
}

void Brain::hand_ahead() {
  if (backlog_.empty()) return;
  struct Taker {
    ExecutorState* executor;
    Backlog::Lane* lane;
    Time ahead;
  };
  std::vector<Taker> takers;
  for (auto& [id, executor] : executors_) {
    if (executor.stack.size() != 1 || executor.killed) continue;
    if (executor.stack.front().blocked || executor.stack.front().lacks_room) continue;
    const control::Spec& running = *executor.stack.front().task->run.spec;
    const RunTimes::RunTime* known = run_times_.find(running.function_key);
    if (known != nullptr && known->waits) continue;
    if (now_ - executor.stack.front().running_since > setup_.knobs.hand_ahead) continue;
    Backlog::Lane* lane = backlog_.lane_like(running);
    if (lane == nullptr) continue;
    takers.push_back({&executor, lane, estimate(running) + executor.queued_time});
  }
  // In turns, some to each: so they end about in the order they were submitted in, which is the order of the commits.
  for (bool more = true; more;) {
    more = false;
    for (Taker& taker : takers) {
      for (std::size_t i = 0; i < kHandAtOnce; ++i) {
        if (!hand_one(*taker.executor, *taker.lane, taker.ahead)) break;
        more |= i + 1 == kHandAtOnce;
      }
    }
  }
}

/// `ahead` is what the executor has to do. False: no more of this lane to this one.
bool Brain::hand_one(ExecutorState& executor, Backlog::Lane& lane, Time& ahead) {
  if (executor.queued.size() + kSpareSlots >= setup_.knobs.claim_slots) return false;
  const HeldTaskPtr task = Backlog::head(lane);
  if (!task || task->wanted || task->run.spec->fresh_process || needs_objects(*task)) return false;
  // Only what is known to be short: an unknown one counts for half of the time, so that one runs and none waits
  // behind it.
  const RunTimes::RunTime* known = run_times_.find(task->run.spec->function_key);
  if (known == nullptr || known->waits) return false;
  if (ahead + known->usual > setup_.knobs.hand_ahead) return false;
  ahead += known->usual;
  lane.waiting.pop_front();
  dispatch(executor, task, false);
  return true;
}

/// No process is left for anything new: an idle one runs it, or gives its place to one of another program.
bool Brain::at_cap() const { return executors_.size() >= setup_.knobs.executor_cap && !executors_.has_idle(); }

/// The same also for what may have a process above the cap.
bool Brain::is_full() const {
  return executors_.size() >= setup_.knobs.executor_cap + setup_.knobs.above_cap && !executors_.has_idle();
}

bool Brain::all_executors_blocked() const {
  return std::all_of(executors_.begin(), executors_.end(), [](const auto& entry) {
    const std::vector<StackedTask>& stack = entry.second.stack;
    return !stack.empty() && stack.back().blocked;
  });
}

void Brain::relieve_cap() {
  if (!all_executors_blocked() || !waiting_.cap_relief.start_look(now_, counters_.tasks)) return;
  waiting_.cap_relief.forget_needers(
      [this](const CapRelief::Needer& needer) { return executors_.stacked(needer.executor, needer.claim) == nullptr; });
  fail_what_none_hosts();
  relinquish_unstarted();
  // What is awaited here and not held here: itself by id, and what it depends on.
  for (const auto& [key, await] : waiting_.awaits.questions()) {
    if (!await->blocks || !await->request.hosts || !stands_on_top(*await)) continue;
    for (std::size_t i = 0; i < await->request.ids.size(); ++i) {
      const control::FutureId id = await->request.ids[i];
      if (await->answered[i] || tasks_.contains(id)) continue;
      others_.index_claims.want(id);
      waiting_.cap_relief.note_need(id, {await->who.executor, await->request.claim});
      waiting_.cap_relief.note_asked();
      act(action::FindReadyDependencies{id});
      break;
    }
  }
}

/// Whether an execution needs it that stands on top of its stack.
bool Brain::needed_on_top(const HeldTask& task) const {
  const AwaitedFuture* awaited = waiting_.awaits.find(task.run.id);
  const bool directly = awaited != nullptr &&
                        std::any_of(awaited->waiters.begin(), awaited->waiters.end(), [this](const AwaitSlot& slot) {
                          return slot.await->blocks && stands_on_top(*slot.await);
                        });
  if (directly) return true;
  const CapRelief::Needer* needer = waiting_.cap_relief.needer_of(task.run.id);
  const ExecutorState* executor = needer != nullptr ? executors_.find(needer->executor) : nullptr;
  return executor != nullptr && executor->runs(needer->claim) && can_host(*executor, *task.run.spec);
}

/// Nothing is started here any more: what comes back from executors, or out of rounds and claims that were under way,
/// is for others.
void Brain::relinquish_all_unstarted() {
  relinquish_waiting([](const HeldTask&) { return true; });
  commits_.queue.make_all_due();
}

void Brain::relinquish_unstarted() {
  // What only executions want that stand under others may be needed by those on top, here or in another worker, through
  // what they await: these look for it in the index.
  if (waiting_.cap_relief.stands_still())
    backlog_.drop_wishes([this](const HeldTask& task) {
      return needed_on_top(task) && !(is_full() && others_.view.has_others() && finds_no_host(task));
    });
  relinquish_waiting([](const HeldTask& task) { return !task.wanted; });
  commits_.queue.make_all_due();  // what is not committed goes to the index as well
}

}  // namespace morrow::worker
