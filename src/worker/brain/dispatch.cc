// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "worker/brain/brain.h"

// Which executor runs a task: an idle one of its program, a new one, or one whose task is blocked and lets another run
// on top of its stack.
namespace morrow::worker {

using Place = HeldTask::Place;

bool Brain::fits(const control::Resources& need) const { return ledger_.fits(need) && devices_.fits(need.gpu_micro); }

ExecutorState* Brain::idle_executor(const std::string& program, std::uint64_t gpu_micro) {
  return executors_.take_idle(program, [&](const ExecutorState& executor) {
    if (gpu_micro == 0) return executor.devices.empty();
    if (executor.devices.empty()) return false;
    // Devices are bound for life: usable again only when the very same ones would be given.
    Devices trial = devices_;
    return trial.take(gpu_micro) == executor.devices;
  });
}

/// Null: no more may be started now.
ExecutorState* Brain::new_executor(const std::string& program, std::uint64_t gpu_micro, bool above_cap) {
  if (!starting_.programs.may_start(program)) return nullptr;
  const std::size_t cap = setup_.knobs.executor_cap + (above_cap ? setup_.knobs.above_cap : 0);
  if (executors_.size() >= cap) {
    // The place of an idle one of another program comes free when its end is known.
    if (ExecutorState* const idle = executors_.any_idle()) kill(*idle, nullptr);
    return nullptr;
  }
  std::vector<unsigned> devices;
  if (gpu_micro != 0) {
    Devices trial = devices_;
    devices = trial.take(gpu_micro);
  }
  starting_.programs.note_start(program);
  starting_.idle.note(program);
  ExecutorState& executor = executors_.add(program, std::move(devices));
  act(action::StartExecutor{executor.id, program, executor.devices});
  return &executor;
}

void Brain::note_start(const ExecutorState& executor, const HeldTask& task) {
  counters_.waited.add(now_ - task.arrived);
  const std::uint64_t timeout_ns = task.run.spec->timeout_ns;
  if (timeout_ns != 0) timeouts_.add(now_ + timeout_ns, executor.id, task.run.claim);
}

/// Sends a task of the backlog to an executor: nested on top of a blocked one, ahead behind one that runs, or alone.
void Brain::dispatch(ExecutorState& executor, const HeldTaskPtr& task, bool nested) {
  MORROW_INVARIANT(!executor.killed, "a task goes to an executor that stays", executor.id, task->run.id);
  MORROW_INVARIANT(nested == (!executor.stack.empty() && executor.stack.back().blocked),
                   "on top of another task runs only what is nested in a blocked one", executor.id, task->run.id,
                   executor.stack.size(), nested);
  backlog_.leave(*task, Place::kHanded);
  const bool ahead = !nested && !executor.stack.empty();
  task->begun = false;
  task->executor = executor.id;
  task->generation = ++executor.generation;
  task->slot = task->generation % setup_.knobs.claim_slots;
  tasks_.add_claim(task);
  if (ahead) {
    executors_.queue(executor, task);
  } else {
    StackedTask stacked;
    stacked.task = task;
    stacked.held = task->run.spec->requirements;
    stacked.running_since = now_;
    ledger_.take(stacked.held);
    if (!nested && stacked.held.gpu_micro != 0) executor.held_devices = devices_.take(stacked.held.gpu_micro);
    executor.stack.push_back(std::move(stacked));
    if (executor.started) note_start(executor, *task);
  }
  ++counters_.tasks;
  act(action::Dispatch{executor.id, task->slot, task->generation, nested, !nested && is_brief(*task->run.spec),
                       task->run});
}

bool Brain::try_start(const HeldTaskPtr& task) {
  const control::Spec& spec = *task->run.spec;
  if (!fits(spec.requirements)) return false;
  ExecutorState* const idle = spec.fresh_process ? nullptr : idle_executor(spec.program, spec.requirements.gpu_micro);
  if (ExecutorState* executor = idle) {
    dispatch(*executor, task, false);
    return true;
  }
  // At the cap nothing new starts but what a blocked task awaits, and that on top of its stack.
  bool above_cap = false;
  if (task->wanted && at_cap()) {
    if (try_nested(task)) return true;
    above_cap = finds_no_host(*task);
  }
  if (ExecutorState* executor = new_executor(spec.program, spec.requirements.gpu_micro, above_cap)) {
    dispatch(*executor, task, false);
    return true;
  }
  return false;
}

}  // namespace morrow::worker
