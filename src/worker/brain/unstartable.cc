// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "control/faults.h"
#include "worker/brain/brain.h"
#include "worker/brain/worker_failure.h"

// What becomes of tasks whose program does not start here; program_starts.cc has when it is tried again.
//
// A failed start is nobody's attempt: its tasks go back to the backlog. From there, until the program runs:
//
// - where another worker has the resources and has not given the program up, they are left to that one: those that are
//   here go to the index, and this worker takes none from there but one for each try;
// - where none has, they wait here for the next try;
// - and when this worker has given it up as well, they fail, with the reason of each worker that has the resources.
//
// So a task fails when all workers that could run it have failed to start its program, each over some seconds, and not
// before; and the last one to give up takes what the others left in the index and fails it. What this worker knows of
// others is up to a heartbeat old: two that give up at the same time may leave their tasks to each other, and take them
// back when they see it.
namespace morrow::worker {

using Place = HeldTask::Place;

namespace {

// A process of a program that is no good ends before it takes a task: at once.
constexpr Time kHasTakenItNs = 1'000'000'000;

}  // namespace

void Brain::note_start_failure(const std::string& program, std::string reason) {
  // The program starts here where it runs a task, though that may end late: then this is no failure after others.
  const bool works = std::any_of(executors_.begin(), executors_.end(), [&](const auto& entry) {
    const ExecutorState& executor = entry.second;
    return executor.program == program && executor.started && !executor.killed && !executor.stack.empty() &&
           (executor.stack.back().blocked || now_ - executor.stack.back().running_since >= kHasTakenItNs);
  });
  if (works) starting_.programs.note_worked(program);
  starting_.programs.note_failure(now_, program, std::move(reason), random_);
}

bool Brain::left_to_others(const control::Spec& spec) const {
  if (starting_.programs.empty() ||
      (starting_.programs.may_start(spec.program) && !starting_.programs.on_trial(spec.program)))
    return false;
  return others_.view.another_may_start(spec.program, spec.requirements);
}

/// For a look into the index.
std::vector<control::LeftToOthers> Brain::all_left_to_others() const {
  std::vector<control::LeftToOthers> all;
  if (control::planted(control::Fault::kSwallowedWork)) return all;
  for (const std::string& program : starting_.programs.held_back()) {
    auto others = others_.view.others_for(program);
    if (!others.empty()) all.push_back({program, starting_.programs.on_trial(program) ? 1U : 0U, std::move(others)});
  }
  return all;
}

void Brain::settle_unstartable() {
  for (const std::string& program : starting_.programs.held_back()) {
    const std::string* reason = starting_.programs.given_up(program);
    for (Backlog::Lane* lane : backlog_.lanes_of(program)) {
      const bool others = others_.view.another_may_start(program, lane->requirements) &&
                          !control::planted(control::Fault::kFailedByFirst);
      if (!others && reason == nullptr) continue;
      std::size_t kept = others && starting_.programs.on_trial(program) ? 1 : 0;  // to try it with
      for (const HeldTaskPtr& task : Backlog::tasks_of(*lane)) {
        if (task->place() != Place::kBacklog) continue;  // it stood there twice
        if (kept != 0) {
          --kept;
        } else if (!others) {
          fail_unstartable(task, *reason);
        } else if (task->committed) {
          backlog_.leave(*task, Place::kEnded);
          relinquish(task);
        } else {
          commits_.queue.make_due(task->submit);  // its submit puts it into the index
        }
      }
    }
  }
}

void Brain::fail_unstartable(const HeldTaskPtr& task, const std::string& reason) {
  const control::Spec& spec = *task->run.spec;
  std::string message = reason;
  std::string worker = setup_.info.name;
  const auto others = others_.view.reasons_against(spec.program, spec.requirements);
  if (!others.empty()) {
    message = "no worker that has what it needs can start its program\nworker " + worker + ": " + reason;
    worker.clear();
  }
  for (const std::string& other : others) message += "\n" + other;
  backlog_.leave(*task, Place::kHanded);
  others_.index_claims.note_freed();  // it would have taken something: more may be taken from the index instead
  finish(task, make_failure(control::FailureKind::kProgram, std::move(message), &spec, worker, 0), false);
}

}  // namespace morrow::worker
