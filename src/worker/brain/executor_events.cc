// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <utility>

#include "worker/brain/brain.h"
#include "worker/brain/worker_failure.h"

// What executors say, and what becomes of their tasks when they end.
namespace morrow::worker {

using control::FailureKind;
using Place = HeldTask::Place;

namespace {

constexpr Time kBetweenReapsNs = 1'000'000'000;  // it looks at all executors and tasks: seldom is enough

}  // namespace

void Brain::executor_started(Time now, ExecutorId id) {
  advance(now);
  ExecutorState* executor = executors_.find(id);
  if (executor == nullptr) return;
  executor->started = true;
  for (StackedTask& stacked : executor->stack) {  // the start of the process is not their time
    stacked.running_since = now;
    note_start(*executor, *stacked.task);
  }
  starting_.programs.note_runs(executor->program);
}

void Brain::release_resources(ExecutorState& executor, StackedTask& stacked) {
  if (stacked.blocked) ledger_.unblock(stacked.held);
  if (stacked.lends) take_back_cpus(stacked);
  ledger_.release(stacked.held);
  others_.index_claims.note_freed();
  if (!executor.held_devices.empty() && stacked.held.gpu_micro != 0) {
    devices_.release(executor.held_devices, stacked.held.gpu_micro);
    executor.held_devices.clear();
  }
}

void Brain::task_done(Time now, ExecutorId id, Done done) {
  advance(now);
  const auto drop = [&] {
    if (done.outcome->object) act(action::FreeObjects{{done.outcome->object.number}});
  };
  ExecutorState* executor = executors_.find(id);
  if (executor == nullptr) return drop();
  const HeldTaskPtr task = tasks_.with_claim(done.claim);
  if (executor->stack.empty() || executor->killed) {
    // The process is on its way out: its end tells. But no more that it had taken what it has finished.
    if (task && task->place() == Place::kHanded && !done.unstarted) task->begun = true;
    return drop();
  }

  const bool top = executor->runs(done.claim);
  if (!top && done.unstarted) return unstarted_done(*executor, task, std::move(done));
  if (!top) {
    // Out of order can only be what was queued behind a task whose end is lost: not from our executors.
    kill(*executor, make_failure(FailureKind::kCrash, "its process spoke out of turn", nullptr, setup_.info.name, 0));
    return drop();
  }
  const StackedTask& stacked = executor->stack.back();
  const Time ran = stacked.ran + (stacked.blocked ? 0 : now - stacked.running_since);
  if (!done.unstarted) {
    counters_.ran.add(ran);
    if (!std::exchange(executor->worked, true)) starting_.programs.note_worked(executor->program);
    run_times_.learn(stacked.task->run.spec->function_key,
                     stacked.ran == 0 && done.ran_ns != 0 ? std::min<Time>(ran, done.ran_ns) : ran);
    totals_.note_run(stacked.task->run.spec->name, ran);
  }
  tasks_.end_claim(done.claim);
  end_execution(*executor);
  if (task && task->place() == Place::kHanded) {
    end_of(task, std::move(done));
  } else {
    drop();
  }
}

/// A task that was to run after, or under, the one that runs, and was not given to the process.
void Brain::unstarted_done(ExecutorState& executor, const HeldTaskPtr& task, Done done) {
  if (task == nullptr || !executors_.unqueue(executor, task)) return;
  tasks_.end_claim(done.claim);
  if (task->place() == Place::kHanded) end_of(task, std::move(done));
}

/// The execution on top of the stack is over: the next one of the queue runs now, or the one under it may go on.
void Brain::end_execution(ExecutorState& executor) {
  StackedTask& stacked = executor.stack.back();
  if (executor.stack.size() == 1 && !executor.queued.empty()) {
    // The next one has begun already; it keeps what this one held, which is the same.
    if (stacked.blocked) reacquire(stacked);
    if (stacked.lends) take_back_cpus(stacked);
    stacked.lacks_room = false;
    stacked.ran = 0;
    stacked.running_since = now_;
    stacked.task = executors_.take_first_queued(executor);
    note_start(executor, *stacked.task);
  } else {
    release_resources(executor, stacked);
    executor.stack.pop_back();
    if (executor.stack.empty()) {
      executors_.add_idle(executor, now_);
    } else {
      want_put_off(executor);
    }
  }
}

void Brain::end_of(const HeldTaskPtr& task, Done done) {
  task->lost = done.lost;
  if (done.lost.object != 0) waiting_.recent_outcomes.forget(done.lost.future);
  finish(task, std::move(done.outcome), done.may_hold_futures);
}

void Brain::revoked(ExecutorId id, std::uint32_t slot, std::uint32_t generation, bool taken_back) {
  ExecutorState* executor = executors_.find(id);
  if (executor == nullptr) return;
  const auto queued = std::find_if(executor->queued.begin(), executor->queued.end(), [&](const HeldTaskPtr& task) {
    return task->slot == slot && task->generation == generation;
  });
  if (queued == executor->queued.end()) return;
  const HeldTaskPtr task = *queued;
  task->begun = !taken_back;
  if (!taken_back) return;
  executors_.unqueue(*executor, task);
  tasks_.end_claim(task->run.claim);
  if (task->place() == Place::kHanded) enter_backlog(task, true);
}

void Brain::revoke_queued(const ExecutorState& executor) {
  if (executor.killed) return;
  // From the back, so that what is put in front of the lane again stands in its old order.
  for (auto task = executor.queued.rbegin(); task != executor.queued.rend(); ++task) {
    if (!(*task)->begun) act(action::Revoke{executor.id, (*task)->slot, (*task)->generation});
  }
}

/// `outcome` is charged to the task on top of its stack; null: none is. Nothing happens when it is killed already.
void Brain::kill(ExecutorState& executor, control::OutcomePtr outcome) {
  if (executor.killed) return;
  executors_.mark_killed(executor, std::move(outcome));
  act(action::KillExecutor{executor.id});
}

void Brain::fail_task(const HeldTaskPtr& task, FailureKind kind, std::string message) {
  finish(task, make_failure(kind, std::move(message), task->run.spec.get(), setup_.info.name, task->run.tries + 1),
         false);
}

/// The process of the task ended for the sake of another one, or of the worker.
void Brain::interrupted(const HeldTaskPtr& task, bool begun) {
  if (task->place() != Place::kHanded) return;
  tasks_.end_claim(task->run.claim);
  if (begun && task->run.spec->max_retries == 0) {
    fail_task(task, FailureKind::kCrash,
              stopping_ ? "its worker was stopped while it ran, and it may not run twice (max_retries is 0)"
                        : "its process was ended for another task, and it may not run twice (max_retries is 0)");
    return;
  }
  if (++task->interruptions > setup_.knobs.max_interruptions) {
    fail_task(task, FailureKind::kCrash, "tasks that it awaited killed the process it ran in, again and again");
    return;
  }
  // What it submitted belongs to the execution that ended: the claim goes back with it, and the next one is another.
  commits_.queue.make_due(task->submit);
  task->ends_apart = true;
  task->move_to(Place::kEnded);
  relinquish(task);
}

/// Tasks that were handed to an executor which ended before it took them: no attempt of theirs.
void Brain::not_run(std::vector<HeldTaskPtr> tasks) {
  std::erase_if(tasks, [](const HeldTaskPtr& task) { return task->place() != Place::kHanded; });
  // Pushed to the front of their lanes, the first to come at last.
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const HeldTaskPtr& one, const HeldTaskPtr& other) { return one->arrived > other->arrived; });
  for (const HeldTaskPtr& task : tasks) {
    tasks_.end_claim(task->run.claim);
    if (stopping_) {
      task->move_to(Place::kEnded);
      task->ends_apart = true;
      relinquish(task);
    } else {
      enter_backlog(task, true);
    }
  }
}

/// It failed and is run here again: soon after its first attempt, and later and later after others. Meanwhile it holds
/// nothing.
void Brain::wait_to_retry(const HeldTaskPtr& task) {
  if (leaves()) return relinquish(task);
  const Backoff backoff{setup_.knobs.retry_first, setup_.knobs.retry_most};
  starting_.paused.add(task, now_ + backoff.after(task->run.tries, random_));
}

void Brain::executor_exited(Time now, ExecutorId id, const Exit& exit) {
  advance(now);
  if (executors_.find(id) == nullptr) return;
  ExecutorState executor = executors_.take(id);
  if (starting_.idle.is_over(executor.program)) next_reap_ = 0;
  drop_awaits(Waiter{0, id});
  for (StackedTask& stacked : executor.stack) release_resources(executor, stacked);

  // A task whose end is known, or that runs in another process by now, is none of its business.
  const auto holds = [&](const HeldTaskPtr& task) { return task->place() == Place::kHanded && task->executor == id; };
  const auto taken = [&](const HeldTaskPtr& task) {
    return task->begun || std::find(exit.taken.begin(), exit.taken.end(), task->slot) != exit.taken.end();
  };
  const auto charge = [&](const HeldTaskPtr& task, control::OutcomePtr outcome) {
    if (!holds(task)) return;
    tasks_.end_claim(task->run.claim);
    finish(task, std::move(outcome), false);
  };
  std::vector<HeldTaskPtr> untaken;
  // Charged is the last one that it had taken: what stood under that one is interrupted, what stood above never ran.
  bool charged = executor.killed && !executor.kill_outcome;
  for (auto stacked = executor.stack.rbegin(); stacked != executor.stack.rend(); ++stacked) {
    const HeldTaskPtr& task = stacked->task;
    if (charged) {
      if (holds(task)) interrupted(task, taken(task));
    } else if (executor.killed) {
      charge(task, executor.kill_outcome);
      charged = true;
    } else if (taken(task)) {
      charge(task, std::make_shared<control::Outcome>(exit.crash));
      charged = true;
    } else if (holds(task)) {
      untaken.push_back(task);
    }
  }
  for (const HeldTaskPtr& task : executor.queued) {
    if (!holds(task)) continue;
    if (!taken(task)) {
      untaken.push_back(task);
    } else if (executor.killed) {
      interrupted(task, true);
    } else {
      charge(task, std::make_shared<control::Outcome>(exit.crash));
    }
  }
  not_run(std::move(untaken));
  // One that took a task shows that the program starts, however that ended.
  if (!exit.taken.empty()) starting_.programs.note_worked(executor.program);
  // One that never came to its first task would be replaced at once, and the next one the same, for ever.
  if (!executor.killed && !executor.worked && exit.taken.empty())
    note_start_failure(executor.program,
                       "a process of the program ended before it took its first task: " + exit.reason);
}

void Brain::program_failed(Time now, const std::string& program, const std::string& reason) {
  advance(now);
  std::vector<HeldTaskPtr> unstarted;
  for (ExecutorState& executor : executors_.take_unstarted(program)) {
    for (StackedTask& stacked : executor.stack) {
      release_resources(executor, stacked);
      unstarted.push_back(stacked.task);
    }
    unstarted.insert(unstarted.end(), executor.queued.begin(), executor.queued.end());
  }
  not_run(std::move(unstarted));
  note_start_failure(program, reason);
}

/// The store has another end for this execution, or none: what there is of it here ends.
void Brain::cancel_local(control::FutureId id, control::Claim claim) {
  const HeldTaskPtr task = tasks_.find(id);
  if (!task || task->run.claim != claim) return;
  if (task->place() == Place::kHanded) {
    ExecutorState& executor = executors_.at(task->executor);
    const bool queued = std::find(executor.queued.begin(), executor.queued.end(), task) != executor.queued.end();
    task->move_to(Place::kDropped);
    if (queued) {
      act(action::Revoke{executor.id, task->slot, task->generation});
    } else {
      kill(executor, nullptr);  // a running function can't be stopped but with its process
    }
  }
  if (task->place() == Place::kEnded) return;  // its own end is on the way: the store decides
  forget(task);
  resolve_again(id);
}

void Brain::reap_idle() {
  if (now_ < next_reap_) return;
  next_reap_ = now_ + kBetweenReapsNs;
  const std::size_t keep = width(control::Resources{control::kOneMicro, 0, 0, {}});
  for (const ExecutorId id : executors_.long_idle(now_, keep, setup_.knobs.keep_idle_executor))
    kill(executors_.at(id), nullptr);
  std::set<std::string> working;
  for (const auto& [id, task] : tasks_) working.insert(task->run.spec->program);
  for (const auto& [id, executor] : executors_) {
    if (!executor.stack.empty()) working.insert(executor.program);
  }
  std::set<std::string> wanted;
  for (const auto& [id, session] : sessions_) wanted.insert(session.program);
  const IdlePrograms::Limits limits{setup_.knobs.keep_idle_executor, setup_.knobs.most_idle_programs};
  for (const std::string& program : starting_.idle.to_end(now_, working, wanted, limits))
    end_program(program, wanted.contains(program));
}

/// Its executors first: while one lives, its first process can't be ended.
void Brain::end_program(const std::string& program, bool wanted) {
  bool has_executors = false;
  for (auto& [id, executor] : executors_) {
    if (executor.program != program) continue;
    has_executors = true;
    kill(executor, nullptr);
  }
  if (has_executors) return;
  act(action::RetireProgram{program, wanted});
  starting_.idle.forget(program);
}

}  // namespace morrow::worker
