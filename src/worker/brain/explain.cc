// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "worker/brain/brain.h"

// What people ask about the tasks that this worker holds. Looks only: nothing is decided here, so it may take a walk
// over all tasks, which a person does not notice.
namespace morrow::worker {

using Place = HeldTask::Place;
using Stage = TaskSeen::Stage;

std::optional<TaskSeen> Brain::explain(control::FutureId id) const {
  const HeldTaskPtr& task = tasks_.find(id);
  if (!task) return std::nullopt;
  const control::Spec& spec = *task->run.spec;
  TaskSeen seen;
  seen.id = id;
  seen.name = spec.name;
  seen.requirements = spec.requirements;
  seen.session = spec.session;
  seen.tries = task->run.tries;
  seen.max_retries = spec.max_retries;
  seen.since = task->arrived;
  if (const std::string* trouble = starting_.programs.last_failure(spec.program)) seen.trouble = *trouble;
  switch (task->place()) {
    case Place::kStored:
      seen.stage = Stage::kStored;
      break;
    case Place::kBacklog:
      seen.stage = Stage::kQueued;
      seen.ahead = static_cast<std::size_t>(std::count_if(tasks_.begin(), tasks_.end(), [&](const auto& other) {
        return other.second->place() == Place::kBacklog && other.second->arrived < task->arrived;
      }));
      break;
    case Place::kHanded:
      explain_handed(*task, seen);
      break;
    case Place::kPaused:
      seen.stage = Stage::kRetries;
      seen.until = starting_.paused.until(*task);
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
  const auto stacked = std::find_if(executor->stack.begin(), executor->stack.end(),
                                    [&](const StackedTask& one) { return one.task->run.claim == task.run.claim; });
  if (stacked == executor->stack.end()) return;
  seen.since = stacked->running_since;
  seen.stage = executor->started ? Stage::kRuns : Stage::kStarts;
  if (!stacked->blocked) return;
  seen.stage = std::next(stacked) == executor->stack.end() ? Stage::kGoesOn : Stage::kCovered;
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
  for (const auto& [id, task] : tasks_) {
    if (auto seen = explain(id)) all.push_back(std::move(*seen));
  }
  return all;
}

}  // namespace morrow::worker
