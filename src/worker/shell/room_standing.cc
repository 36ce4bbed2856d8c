// SPDX-License-Identifier: Apache-2.0
// Whether a task that holds room in the object memory, and asks for no more, will let it go.
//
// It will when it runs. When it is blocked in a get, that depends on what it awaits: a task here that waits for room,
// or is blocked for such ones alone, ends only when others let go theirs; and one that is queued, while all that have
// processors wait for room. Whatever else it may be (on another worker, waiting for a process) is taken as going on:
// who is interrupted for nothing loses its work.
#include <algorithm>
#include <optional>
#include <set>

#include "worker/shell/shell.h"

namespace morrow::worker {

namespace {

using Step = TaskSeen::Stage;

/// Follows what a task waits for, as far as this worker has it.
class StandsStill {
 public:
  StandsStill(const Brain& brain, const Objects& objects, const TaskStarter& starter)
      : brain_(brain), objects_(objects), starter_(starter) {}

  /// Whether the future can't come before others let go room.
  bool waits(control::FutureId id) {
    if (!under_way_.insert(id).second) return true;  // that depends on the others
    const auto seen = brain_.explain(id);
    if (seen && seen->stage == Step::kQueued) return nobody_runs();
    if (!seen || seen->executor == 0) return false;
    switch (seen->stage) {
      case Step::kRuns:
      case Step::kGoesOn:
        return objects_.waits_for_room(process_of({0, seen->executor})) != 0;
      case Step::kAhead:
        return starter_.lacks_room(seen->executor, seen->claim);
      case Step::kBlocked:
        for (const control::FutureId one : seen->awaits) {
          if (!waits(one)) return false;
        }
        return true;
      default:
        return false;
    }
  }

 private:
  /// Whether all that have processors wait for room, so that nothing gets one.
  bool nobody_runs() {
    if (!nobody_runs_) {
      const auto running = brain_.explain_running();
      nobody_runs_ = !running.empty() && std::all_of(running.begin(), running.end(), [this](const TaskSeen& task) {
        return objects_.waits_for_room(process_of({0, task.executor})) != 0 ||
               starter_.lacks_room(task.executor, task.claim);
      });
    }
    return *nobody_runs_;
  }

  const Brain& brain_;
  const Objects& objects_;
  const TaskStarter& starter_;
  std::set<control::FutureId> under_way_;
  std::optional<bool> nobody_runs_;
};

}  // namespace

Standing Shell::room_standing(ProcessId process) const {
  const auto executor = static_cast<ExecutorId>(process);
  if (!tasks_.executors.process_of(executor)) return Standing::kGoesOn;
  bool is_blocked = false;
  bool may_begin_anew = true;
  StandsStill stands_still(brain_, objects_, tasks_.starter);
  for (const HandedTask& task : tasks_.starter.handed(executor)) {
    const auto seen = brain_.explain(task.id);
    if (!seen || seen->claim != task.claim || seen->stage == Step::kAhead) continue;
    may_begin_anew = may_begin_anew && task.spec->max_retries != 0;
    if (seen->stage == Step::kCovered) continue;  // what runs on top of it counts
    if (seen->stage != Step::kBlocked || !stands_still.waits(task.id)) return Standing::kGoesOn;
    is_blocked = true;
  }
  if (!is_blocked) return Standing::kGoesOn;
  return may_begin_anew ? Standing::kStuck : Standing::kStuckForGood;
}

}  // namespace morrow::worker
