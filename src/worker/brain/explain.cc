// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "worker/brain/brain.h"

// What people ask about the tasks that this worker holds. Looks only: nothing is decided here, so it may take a walk
// over all tasks, which a person does not notice.
namespace morrow::worker {

using Place = HeldTask::Place;
using Stage = TaskSeen::Stage;

namespace {

/// What came first has the lower one; much comes together.
using Turn = std::pair<Time, control::FutureId>;
Turn turn_of(const HeldTask& task) { return {task.arrived, task.run.id}; }

}  // namespace

std::optional<TaskSeen> Brain::explain(control::FutureId id) const {
  const HeldTaskPtr& task = tasks_.find(id);
  if (!task) return std::nullopt;
  TaskSeen seen = explain_alone(*task);
  if (seen.stage == Stage::kQueued) {
    for (const auto& [other_id, other] : tasks_) {
      if (other->place() != Place::kBacklog || turn_of(*other) >= turn_of(*task)) continue;
      ++seen.ahead;
      ++seen.ahead_names[other->run.spec->name];
    }
  }
  return seen;
}

/// All but how many are ahead of it, which the others tell.
TaskSeen Brain::explain_alone(const HeldTask& task) const {
  const control::Spec& spec = *task.run.spec;
  TaskSeen seen;
  seen.id = task.run.id;
  seen.name = spec.name;
  seen.requirements = spec.requirements;
  seen.session = spec.session;
  seen.tries = task.run.tries;
  seen.max_retries = spec.max_retries;
  seen.since = task.arrived;
  seen.recomputed = task.run.recomputed;
  if (const std::string* trouble = starting_.programs.last_failure(spec.program)) seen.trouble = *trouble;
  switch (task.place()) {
    case Place::kStored:
      seen.stage = Stage::kStored;
      break;
    case Place::kBacklog:
      seen.stage = Stage::kQueued;
      break;
    case Place::kHanded:
      explain_handed(task, seen);
      break;
    case Place::kPaused:
      seen.stage = Stage::kRetries;
      seen.until = starting_.paused.until(task);
      break;
    case Place::kEnded:
    case Place::kDropped:
      seen.stage = Stage::kEnded;
      break;
  }
  return seen;
}

void Brain::explain_handed(const HeldTask& task, TaskSeen& seen) const {
  seen.executor = task.executor;
  seen.claim = task.run.claim;
  seen.stage = Stage::kAhead;
  const ExecutorState* executor = executors_.find(task.executor);
  if (executor == nullptr) return;
  const StackedTask* const stacked = executors_.stacked(task.executor, task.run.claim);
  if (stacked == nullptr) return;
  seen.since = stacked->running_since;
  seen.stage = executor->started ? Stage::kRuns : Stage::kStarts;
  if (!stacked->blocked) return;
  seen.stage = stacked == &executor->stack.back() ? Stage::kGoesOn : Stage::kCovered;
  for (const auto& [key, await] : waiting_.awaits.questions()) {
    if (!await->blocks || await->who.executor != task.executor || await->request.claim != task.run.claim) continue;
    for (std::size_t i = 0; i < await->request.ids.size(); ++i) {
      if (!await->answered[i]) seen.awaits.push_back(await->request.ids[i]);
    }
  }
  if (!seen.awaits.empty()) seen.stage = Stage::kBlocked;
}

std::vector<TaskSeen> Brain::explain_all() const {
  std::vector<TaskSeen> all;
  std::vector<Turn> queued;
  for (const auto& [id, task] : tasks_) {
    all.push_back(explain_alone(*task));
    if (task->place() == Place::kBacklog) queued.push_back(turn_of(*task));
  }
  std::sort(queued.begin(), queued.end());
  for (TaskSeen& seen : all) {
    if (seen.stage != Stage::kQueued) continue;
    seen.ahead = static_cast<std::size_t>(std::lower_bound(queued.begin(), queued.end(), Turn(seen.since, seen.id)) -
                                          queued.begin());
  }
  return all;
}

std::vector<TaskSeen> Brain::explain_running() const {
  std::vector<TaskSeen> running;
  for (const auto& [id, executor] : executors_) {
    if (!executor.stack.empty() && !executor.stack.back().blocked)
      running.push_back(explain_alone(*executor.stack.back().task));
  }
  return running;
}

std::vector<ExecutorId> Brain::awaited_executors(ExecutorId executor) const {
  std::vector<ExecutorId> awaited;
  const Waiter who{0, executor};
  const auto& questions = waiting_.awaits.questions();
  for (auto it = questions.lower_bound({who, 0}); it != questions.end() && it->second->who == who; ++it) {
    const AwaitState& await = *it->second;
    for (std::size_t i = 0; await.blocks && i < await.request.ids.size(); ++i) {
      const HeldTaskPtr& task = tasks_.find(await.request.ids[i]);
      if (!await.answered[i] && task && task->executor != 0) awaited.push_back(task->executor);
    }
  }
  return awaited;
}

Time Brain::commit_lasts(Time now) const {
  return commits_.round.under_way() ? now - std::min(now, commits_.round.last_start()) : 0;
}

std::vector<std::pair<control::Resources, std::size_t>> Brain::queued_by_need() const {
  std::vector<std::pair<control::Resources, std::size_t>> queued;
  for (const auto& [id, task] : tasks_) {
    if (task->place() != Place::kBacklog) continue;
    const control::Resources& need = task->run.spec->requirements;
    const auto same = std::find_if(queued.begin(), queued.end(), [&](const auto& one) { return one.first == need; });
    if (same != queued.end()) {
      ++same->second;
    } else {
      queued.emplace_back(need, 1);
    }
  }
  return queued;
}

}  // namespace morrow::worker
