// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/task_starter.h"

#include <algorithm>
#include <set>

#include "base/must.h"
#include "control/coverage_mark.h"
#include "worker/brain/worker_failure.h"

// A task that depends on large values starts when all of them are in this worker's memory, pinned for its executor. The
// memory is smaller than all values together, so tasks that wait for room can wait for each other: A holds one value
// and lacks room for its second, B the other way round. What keeps that from lasting:
//
// - An executor gets its tasks in the order in which they were given, and only the task whose turn it is asks for its
//   values. (One that runs on top of a waiting one, `nested`, has its turn at once: nothing below it goes on before.)
// - A task that lacks room for one value lets go all that it has got, and asks anew after a pause that differs from
// task
//   to task. It tries for as long as others go on and hold memory, and a few times when nobody holds any: then there is
//   no use in waiting, and the task fails for want of room.
// - The largest value is asked for first, since room for it is the hardest to find; on every other try the smallest,
//   since what is here already may lie in the middle of the room that the large one needs.
// - Values of a task that waits behind a busy one are pinned only when they are small: a task that is taken back from a
//   busy executor is let go by it only when it comes to it, and what runs there may need that very room.
//
//   Dispatch -> [handed]  -- no large values, nothing before it --> process
//                  |
//               [pending] -- its turn --> asks -- all here --> process
//                                  ^        `---- no room ---> lets go, pauses -.
//                                  `--------------------------------------------'
//
// To read next: worker/objects/room_queue.cc for the order in which room is given, worker/brain/schedule.cc for the
// choice of an executor.
namespace morrow::worker {

namespace {

/// Larger values are not pinned ahead of the task's turn.
constexpr std::uint64_t kSentAheadBytes = 1 << 20;
/// Tries while nobody holds memory that may come free.
constexpr int kTriesAlone = 3;
/// Of the time that others wait for room: how long a task goes on to ask while nothing else starts.
constexpr std::uint64_t kRoomWithinTimes = 6;
/// The pause before another try: so long, and up to so much more, so that two tasks do not meet for ever.
constexpr std::uint64_t kAgainAfterMs = 50;
constexpr std::uint64_t kAgainSpreadMs = 150;

bool has_large_values(const control::Runnable& task) {
  return std::any_of(task.dependencies.begin(), task.dependencies.end(),
                     [](const auto& value) { return static_cast<bool>(value->object); });
}

std::size_t count_large_values(const control::Runnable& task) {
  return static_cast<std::size_t>(std::count_if(task.dependencies.begin(), task.dependencies.end(),
                                                [](const auto& value) { return static_cast<bool>(value->object); }));
}

}  // namespace

/// A task that was given to an executor and waits for its values to be here. It holds room only while all that it still
/// needs may come: else two of them would wait for each other.
struct TaskStarter::PendingStart {
  action::Dispatch dispatch;
  std::vector<DependencyPlace> places;  ///< pinned for the executor
  std::size_t missing = 0;              ///< answers that have not come
  bool asked = false;
  bool over = false;      ///< taken back, or its executor is gone
  bool hopeless = false;  ///< no other try will do
  std::optional<ObjectProblem> problem;
  control::op::LostValue lost;  ///< the problem, when that can be mended
  int tries = 0;
  std::uint64_t others = 0;    ///< tasks with such values that had started when it began to wait
  std::uint64_t since_ms = 0;  ///< when it began to wait

  std::uint64_t bytes() const {
    std::uint64_t all = 0;
    for (const DependencyPlace& one : places) all += one.place.extent.size;
    return all;
  }
};

TaskStarter::TaskStarter(Means means, Options options, Events events)
    : means_(std::move(means)), options_(std::move(options)), events_(std::move(events)), random_(options_.seed) {}

TaskStarter::Queue* TaskStarter::find(ExecutorId executor) {
  const auto found = queues_.find(executor);
  return found == queues_.end() ? nullptr : &found->second;
}

const std::deque<HandedTask>& TaskStarter::handed(ExecutorId executor) const {
  return base::must_find(queues_, executor, "an executor that is asked for its tasks is here").handed;
}

const HandedTask* TaskStarter::handed(ExecutorId executor, control::Claim claim) const {
  const auto queue = queues_.find(executor);
  if (queue == queues_.end()) return nullptr;
  const auto& all = queue->second.handed;
  const auto found = std::find_if(all.begin(), all.end(), [&](const HandedTask& one) { return one.claim == claim; });
  return found == all.end() ? nullptr : &*found;
}

const HandedTask* TaskStarter::given(ExecutorId executor, control::Claim claim) const {
  const auto queue = queues_.find(executor);
  if (queue == queues_.end()) return nullptr;
  const bool waits = std::any_of(queue->second.pending.begin(), queue->second.pending.end(),
                                 [&](const PendingPtr& one) { return one->dispatch.task.claim == claim; });
  return waits ? nullptr : handed(executor, claim);
}

bool TaskStarter::lacks_room(ExecutorId executor, control::Claim claim) const {
  const auto queue = queues_.find(executor);
  if (queue == queues_.end()) return false;
  return std::any_of(queue->second.pending.begin(), queue->second.pending.end(),
                     [&](const PendingPtr& one) { return one->dispatch.task.claim == claim && one->tries != 0; });
}

void TaskStarter::executor_came(ExecutorId executor) {
  MORROW_INVARIANT(queues_.try_emplace(executor).second, "an executor's number is used once", executor);
}

void TaskStarter::executor_gone(ExecutorId executor) {
  const auto queue = queues_.find(executor);
  if (queue == queues_.end()) return;
  // Answers may still come for them. What is pinned for the process goes with it.
  for (const PendingPtr& start : queue->second.pending) {
    start->over = true;
    start->places.clear();
  }
  queues_.erase(queue);
}

void TaskStarter::ended(ExecutorId executor, control::Claim claim) {
  Queue& queue = base::must_find(queues_, executor, "an executor that ends a task is here");
  const auto found =
      std::find_if(queue.handed.begin(), queue.handed.end(), [&](const HandedTask& one) { return one.claim == claim; });
  MORROW_INVARIANT(found != queue.handed.end(), "a task that ends was given to its executor", executor, claim);
  queue.handed.erase(found);
}

void TaskStarter::carry_out(action::Dispatch& dispatch) {
  Queue* queue = find(dispatch.executor);
  if (queue == nullptr) return;  // it exited in this very turn: the brain is told by that
  const control::Runnable& run = dispatch.task;
  MORROW_INVARIANT(run.claim != 0 && run.spec != nullptr && run.dependencies.size() == run.spec->dependencies.size(),
                   "a task that runs is claimed, and has a value for each dependency", run.claim,
                   run.dependencies.size());
  queue->handed.push_back({dispatch.slot, dispatch.generation, run.claim, run.tries + 1, run.spec, run.id});
  // An executor gets its tasks in their order.
  if (!has_large_values(run) && (dispatch.nested || queue->pending.empty())) return give(dispatch, {});
  auto start = std::make_shared<PendingStart>();
  start->dispatch = std::move(dispatch);
  start->since_ms = means_.clock_ms();
  queue->pending.push_back(start);
  std::set<std::uint64_t> distinct;
  std::uint64_t bytes = 0;
  for (const control::OutcomePtr& value : start->dispatch.task.dependencies) {
    if (value->object && distinct.insert(value->object.number).second) bytes += value->object.size;
  }
  start->problem = means_.never_fit(bytes);
  start->hopeless = start->asked = start->problem.has_value();
  start_ready(start->dispatch.executor);
  if (start->asked) return;
  // Its turn comes later: it holds nothing until then.
  const control::Runnable& task = start->dispatch.task;
  for (std::size_t i = 0; i < task.dependencies.size(); ++i) {
    if (task.dependencies[i]->object) means_.prefetch(task.spec->dependencies[i], task.dependencies[i]->object);
  }
}

void TaskStarter::ask_for_values(const PendingPtr& start) {
  MORROW_INVARIANT(start->missing == 0 && start->places.empty() && !start->over,
                   "a task asks for its values while it holds none and waits for none", start->missing,
                   start->places.size());
  const auto& dependencies = start->dispatch.task.dependencies;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < dependencies.size(); ++i) {
    if (dependencies[i]->object) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return dependencies[a]->object.size > dependencies[b]->object.size;
  });
  if (start->tries % 2 != 0) std::reverse(order.begin(), order.end());
  start->asked = true;
  start->missing = 1;  // one more, so that nothing starts while there are others to ask for
  for (const std::size_t i : order) {
    ++start->missing;
    const auto came = [this, start, i](const ObjectPlace* place, const ObjectProblem* problem) {
      value_came(start, i, place, problem);
    };
    means_.want(process_of({0, start->dispatch.executor}), start->dispatch.task.spec->dependencies[i],
                dependencies[i]->object, came, true);
  }
  --start->missing;
}

void TaskStarter::value_came(const PendingPtr& start, std::size_t index, const ObjectPlace* place,
                             const ObjectProblem* problem) {
  MORROW_INVARIANT(start->missing > 0, "a value that comes was asked for", index);
  --start->missing;
  if (place != nullptr) start->places.push_back({index, *place});
  if (problem != nullptr && (!start->problem || problem->kind != control::FailureKind::kNoRoom)) {
    start->problem = *problem;
    start->problem->sentence = "a value it depends on: " + problem->sentence;
    const control::Runnable& task = start->dispatch.task;
    if (problem->lost) start->lost = {task.spec->dependencies[index], task.dependencies[index]->object.number};
  }
  if (start->problem || start->over) let_go(*start);
  if (start->missing == 0 && !start->over) start_ready(start->dispatch.executor);
}

void TaskStarter::let_go(PendingStart& start) {
  const auto places = std::exchange(start.places, {});
  for (const DependencyPlace& one : places) means_.unpin(start.dispatch.executor, one.place.number);
}

/// Another try, a moment later, while others hold room that may come free. False: there is no use in that.
bool TaskStarter::try_again(const PendingPtr& start) {
  MORROW_INVARIANT(start->places.empty(), "a task that lacks room holds none", start->places.size());
  if (start->hopeless || start->problem->kind != control::FailureKind::kNoRoom) return false;
  if (start->others != started_with_values_) {
    start->others = started_with_values_;
    start->since_ms = means_.clock_ms();
  }
  const std::uint64_t at_most_ms = kRoomWithinTimes * options_.room_within_ms;
  const bool alone = !means_.anything_held();
  control::coverage_mark<"a task that lacks room for its values tries again">();
  ++start->tries;
  if (alone ? start->tries >= kTriesAlone : means_.clock_ms() - start->since_ms > at_most_ms) return false;
  start->problem.reset();
  start->missing = 1;
  means_.after(kAgainAfterMs + random_() % kAgainSpreadMs, [this, start] {
    if (start->over) return;
    start->missing = 0;
    ask_for_values(start);
    start_ready(start->dispatch.executor);
  });
  return true;
}

/// The next that has all its values or will never have them, and whose turn it is: an executor gets its tasks in the
/// order in which they were given, but for those that run on top of a wait.
TaskStarter::PendingPtr TaskStarter::next_ready(Queue& queue) {
  MORROW_INVARIANT(queue.pending.size() <= queue.handed.size(), "a task that waits for values was given",
                   queue.pending.size(), queue.handed.size());
  bool behind = false;
  for (auto one = queue.pending.begin(); one != queue.pending.end(); ++one) {
    const PendingPtr start = *one;
    const bool nested = start->dispatch.nested;
    if (!nested && std::exchange(behind, true)) continue;
    if (!start->asked) {
      ask_for_values(start);
      return next_ready(queue);  // others may have been told meanwhile
    }
    if (start->missing != 0 || (start->problem && try_again(start))) continue;
    // What is taken back from an executor that is busy is let go only when it comes to it, and what runs there may need
    // that room itself. And its failure is told in its turn.
    const bool busy = queue.handed.front().claim != start->dispatch.task.claim;
    if (!nested && busy && (start->problem || start->bytes() > kSentAheadBytes)) continue;
    queue.pending.erase(one);
    return start;
  }
  return nullptr;
}

void TaskStarter::start_ready(ExecutorId executor) {
  while (Queue* queue = find(executor)) {
    const PendingPtr start = next_ready(*queue);
    if (!start) return;
    if (start->problem) {
      fail(executor, *queue, *start);
    } else {
      give(start->dispatch, start->places);
    }
  }
}

void TaskStarter::give(const action::Dispatch& dispatch, const std::vector<DependencyPlace>& places) {
  MORROW_INVARIANT(places.size() == count_large_values(dispatch.task),
                   "a task starts with a place for each large value", dispatch.task.claim, places.size());
  if (!places.empty()) ++started_with_values_;
  means_.give(dispatch, places);
}

void TaskStarter::fail(ExecutorId executor, Queue& queue, const PendingStart& start) {
  const action::Dispatch& dispatch = start.dispatch;
  std::erase_if(queue.handed, [&](const HandedTask& one) { return one.claim == dispatch.task.claim; });
  Brain::Done done;
  done.slot = dispatch.slot;
  done.generation = dispatch.generation;
  done.claim = dispatch.task.claim;
  done.unstarted = true;
  done.lost = start.lost;
  done.outcome = make_failure(start.problem->kind, start.problem->sentence, dispatch.task.spec.get(), options_.worker,
                              dispatch.task.tries + 1);
  events_.task_done(executor, std::move(done));
}

void TaskStarter::carry_out(action::Revoke& revoke) {
  const auto is_it = [&](const auto& one) { return one.slot == revoke.slot && one.generation == revoke.generation; };
  bool back = false;
  if (Queue* queue = find(revoke.executor)) {
    const auto pending = std::find_if(queue->pending.begin(), queue->pending.end(),
                                      [&](const PendingPtr& one) { return is_it(one->dispatch); });
    if (pending != queue->pending.end()) {
      const PendingPtr start = *pending;
      queue->pending.erase(pending);
      start->over = true;
      let_go(*start);
      back = true;
    } else {
      back = means_.take_back(revoke.executor, revoke.slot, revoke.generation);
    }
    if (back) std::erase_if(queue->handed, is_it);
  }
  events_.revoked(revoke.executor, revoke.slot, revoke.generation, back);
  start_ready(revoke.executor);
}

}  // namespace morrow::worker
