// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <iterator>
#include <string>
#include <vector>

#include "worker/brain/brain.h"

// At the cap of executors a task that another one awaits runs in the process of that one, on top of its stack: a nested
// run. The one under it can't go on before it ends. So it must need nothing that the other one holds in that process: a
// mutex, say. In a process of its own it would not meet that, and nobody can see beforehand which function holds any.
//
// It shows when a nested run stands still in the kernel, waiting for a lock with no end set, all threads of its process
// with it (the shell looks, see shell/nested_watch.cc). Then that process is ended, all its tasks begin anew, and the
// functions of those that stood under the nested run are remembered: none is started on top of them again. What they
// await gets a process of its own then, though that is one above the cap (`Knobs::above_cap`). When these are used up
// too, and nothing has begun for a while, what was wished last fails: a recursion that is too deep ends with an error.
//
// Tests: tests/worker/brain/nested_test.cc, tests/system/locks_test.cc.
namespace morrow::worker {

using Place = HeldTask::Place;

bool Brain::hosts_nobody(const StackedTask& stacked) const {
  const RunTimes::RunTime* const known = run_times_.find(stacked.task->run.spec->function_key);
  return known != nullptr && known->hosts_nobody;
}

/// Whether a task of this kind may run on top of its stack. One without devices must see none.
bool Brain::can_host(const ExecutorState& executor, const control::Spec& spec) const {
  return !executor.killed && executor.devices.empty() && executor.program == spec.program && !executor.stack.empty() &&
         executor.stack.back().blocked && executor.stack.back().hosts && !hosts_nobody(executor.stack.back()) &&
         !waiting_.awaits.resumes(executor.id, executor.stack.back().task->run.claim);
}

/// Only on top of the one that needs it: what it awaits may stand under any other, and could not go on while it runs.
bool Brain::try_nested(const HeldTaskPtr& task) {
  const control::Spec& spec = *task->run.spec;
  if (spec.requirements.gpu_micro != 0) return false;  // its devices are bound for life
  if (spec.fresh_process) return false;
  const auto on_top_of = [&](ExecutorId id, control::Claim claim) {
    ExecutorState* executor = executors_.find(id);
    if (executor == nullptr || !can_host(*executor, spec) || !executor->runs(claim)) return false;
    dispatch(*executor, task, true);
    return true;
  };
  if (const AwaitedFuture* awaited = waiting_.awaits.find(task->run.id)) {
    for (const auto& [await, index] : awaited->waiters) {
      if (!await->blocks || !await->request.hosts) continue;
      if (on_top_of(await->who.executor, await->request.claim)) return true;
    }
  }
  // Through its dependents.
  const CapRelief::Needer* needer = waiting_.cap_relief.needer_of(task->run.id);
  return needer != nullptr && on_top_of(needer->executor, needer->claim);
}

/// Whether somebody who needs it takes it on top of no stack, now or later: it is worth a process above the cap.
bool Brain::finds_no_host(const HeldTask& task) const {
  const control::Spec& spec = *task.run.spec;
  const bool is_no_guest = spec.fresh_process || spec.requirements.gpu_micro != 0;
  const auto takes_none = [&](ExecutorId id, control::Claim claim) {
    const ExecutorState* const executor = executors_.find(id);
    const StackedTask* const waits = executors_.stacked(id, claim);
    return waits != nullptr && (is_no_guest || !executor->devices.empty() || hosts_nobody(*waits));
  };
  if (const AwaitedFuture* const awaited = waiting_.awaits.find(task.run.id)) {
    for (const auto& [await, index] : awaited->waiters) {
      if (!await->blocks) continue;
      if (!await->request.hosts || takes_none(await->who.executor, await->request.claim)) return true;
    }
  }
  const CapRelief::Needer* const needer = waiting_.cap_relief.needer_of(task.run.id);
  return needer != nullptr && takes_none(needer->executor, needer->claim);
}

void Brain::fail_what_none_hosts() {
  constexpr Time kTimesForOthers = 10;  // another worker may take it from the index
  const Time limit = setup_.knobs.long_wait * (others_.view.has_others() ? kTimesForOthers : 1);
  if (limit == 0 || !is_full() || waiting_.cap_relief.stood_still(now_) < limit) return;
  const auto& questions = waiting_.awaits.questions();
  const bool one_ends_by_itself = std::any_of(questions.begin(), questions.end(), [](const auto& entry) {
    return entry.second->blocks && !entry.second->request.endless;
  });
  if (one_ends_by_itself) return;
  std::deque<HeldTaskPtr> others;
  while (const HeldTaskPtr task = backlog_.take_wanted()) {
    if (!finds_no_host(*task)) {
      others.push_back(task);
      continue;
    }
    backlog_.leave(*task, Place::kHanded);
    fail_task(task, control::FailureKind::kDeadlock,
              "each of the " + std::to_string(executors_.size()) +
                  " processes that its worker may have runs a task that waits and lets nothing run on top of it (as "
                  "one does that holds a lock, or waits for some of several futures; and what has asked for a fresh "
                  "process takes one): await fewer levels deep, or start the worker with more --executors");
    break;
  }
  backlog_.return_wanted(others);
}

std::vector<NestedRun> Brain::nested_runs() const {
  std::vector<NestedRun> runs;
  for (const auto& [id, executor] : executors_) {
    if (executor.stack.size() < 2 || executor.killed) continue;
    const StackedTask& top = executor.stack.back();
    const StackedTask& under = executor.stack[executor.stack.size() - 2];
    runs.push_back(
        {id, top.task->run.claim, top.task->run.spec->name, under.task->run.spec->name, top.blocked || top.lacks_room});
  }
  return runs;
}

bool Brain::nested_run_stands_still(Time now, ExecutorId id, control::Claim claim) {
  advance(now);
  ExecutorState* const executor = executors_.find(id);
  if (executor == nullptr || executor->killed || executor->stack.size() < 2 || !executor->runs(claim)) return false;
  if (executor->stack.back().blocked) return false;
  for (auto under = executor->stack.begin(); under != std::prev(executor->stack.end()); ++under)
    run_times_.note_hosts_nobody(under->task->run.spec->function_key);
  kill(*executor, nullptr);
  return true;
}

}  // namespace morrow::worker
