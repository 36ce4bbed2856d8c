// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/executor_states.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

ExecutorState& ExecutorStates::add(const std::string& program, std::vector<unsigned> devices) {
  ExecutorState executor;
  executor.id = ++last_id_;
  executor.program = program;
  executor.devices = std::move(devices);
  const auto [added, fresh] = executors_.emplace(executor.id, std::move(executor));
  MORROW_INVARIANT(fresh, "the number of a new executor is new", last_id_);
  return added->second;
}

ExecutorState* ExecutorStates::find(ExecutorId id) {
  const auto found = executors_.find(id);
  return found == executors_.end() ? nullptr : &found->second;
}

const ExecutorState* ExecutorStates::find(ExecutorId id) const {
  const auto found = executors_.find(id);
  return found == executors_.end() ? nullptr : &found->second;
}

ExecutorState& ExecutorStates::at(ExecutorId id) {
  return base::must_find(executors_, id, "an executor that is idle, or has a task, is in the table");
}

const ExecutorState& ExecutorStates::at(ExecutorId id) const {
  return base::must_find(executors_, id, "an executor that is idle, or has a task, is in the table");
}

ExecutorStates::StackPosition ExecutorStates::find(ExecutorId id, control::Claim claim) {
  ExecutorState* executor = find(id);
  if (executor == nullptr) return {};
  for (StackedTask& stacked : executor->stack) {
    if (stacked.task->run.claim == claim) return {executor, &stacked};
  }
  return {};
}

const StackedTask* ExecutorStates::stacked(ExecutorId id, control::Claim claim) const {
  const ExecutorState* executor = find(id);
  if (executor == nullptr) return nullptr;
  const auto found = std::find_if(executor->stack.begin(), executor->stack.end(),
                                  [&](const StackedTask& one) { return one.task->run.claim == claim; });
  return found == executor->stack.end() ? nullptr : &*found;
}

ExecutorState ExecutorStates::take(ExecutorId id) {
  const auto found = executors_.find(id);
  MORROW_INVARIANT(found != executors_.end(), "an executor that is taken out is in the table", id);
  ExecutorState executor = std::move(found->second);
  executors_.erase(found);
  with_queued_.erase(id);
  remove_idle(executor);
  return executor;
}

std::vector<ExecutorState> ExecutorStates::take_unstarted(const std::string& program) {
  std::vector<ExecutorState> taken;
  for (auto entry = executors_.begin(); entry != executors_.end();) {
    ExecutorState& executor = entry->second;
    if (executor.program != program || executor.started) {
      ++entry;
      continue;
    }
    with_queued_.erase(executor.id);
    remove_idle(executor);
    taken.push_back(std::move(executor));
    entry = executors_.erase(entry);
  }
  return taken;
}

void ExecutorStates::add_idle(ExecutorState& executor, Time now) {
  MORROW_INVARIANT(executor.stack.empty() && executor.queued.empty(), "an idle executor has nothing to run",
                   executor.id, executor.stack.size(), executor.queued.size());
  executor.idle_since = now;
  if (!executor.killed) idle_[executor.program].push_back(executor.id);
}

ExecutorState* ExecutorStates::any_idle() {
  for (const auto& [program, ids] : idle_) {
    if (!ids.empty()) return &at(ids.front());
  }
  return nullptr;
}

bool ExecutorStates::has_idle() const {
  return std::any_of(idle_.begin(), idle_.end(), [](const auto& program) { return !program.second.empty(); });
}

bool ExecutorStates::has_idle(const std::string& program) const {
  const auto found = idle_.find(program);
  return found != idle_.end() && !found->second.empty();
}

std::vector<ExecutorId> ExecutorStates::long_idle(Time now, std::size_t keep, Time idle_for) const {
  std::vector<ExecutorId> old;
  for (const auto& [program, ids] : idle_) {
    const std::size_t before = old.size();
    for (const ExecutorId id : ids) {
      if (ids.size() - (old.size() - before) <= keep) break;
      if (now - at(id).idle_since >= idle_for) old.push_back(id);
    }
  }
  return old;
}

void ExecutorStates::remove_idle(const ExecutorState& executor) {
  const auto idle = idle_.find(executor.program);
  if (idle == idle_.end()) return;
  auto& ids = idle->second;
  ids.erase(std::remove(ids.begin(), ids.end(), executor.id), ids.end());
}

void ExecutorStates::mark_killed(ExecutorState& executor, control::OutcomePtr outcome) {
  MORROW_INVARIANT(!executor.killed, "an executor is killed once", executor.id);
  executor.killed = true;
  executor.kill_outcome = std::move(outcome);
  remove_idle(executor);
}

void ExecutorStates::queue(ExecutorState& executor, const HeldTaskPtr& task) {
  MORROW_INVARIANT(!executor.stack.empty(), "tasks are queued behind one that runs", executor.id);
  executor.queued.push_back(task);
  executor.queued_time += task->counted;
  with_queued_.insert(executor.id);
}

void ExecutorStates::queue_shrank(ExecutorState& executor, const HeldTask& task) {
  MORROW_INVARIANT(executor.queued_time >= task.counted, "the queue counts each of its tasks", executor.id,
                   executor.queued_time, task.counted);
  executor.queued_time -= task.counted;
  if (executor.queued.empty()) with_queued_.erase(executor.id);
}

HeldTaskPtr ExecutorStates::take_first_queued(ExecutorState& executor) {
  MORROW_INVARIANT(!executor.queued.empty(), "a task that is taken from the queue waits there", executor.id);
  HeldTaskPtr task = std::move(executor.queued.front());
  executor.queued.pop_front();
  queue_shrank(executor, *task);
  return task;
}

bool ExecutorStates::unqueue(ExecutorState& executor, const HeldTaskPtr& task) {
  const auto queued = std::find(executor.queued.begin(), executor.queued.end(), task);
  if (queued == executor.queued.end()) return false;
  executor.queued.erase(queued);
  queue_shrank(executor, *task);
  return true;
}

}  // namespace morrow::worker
