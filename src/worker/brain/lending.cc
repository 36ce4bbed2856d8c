// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "control/coverage_mark.h"
#include "worker/brain/brain.h"

// A task that waits for room in the object memory computes nothing, but has its cpus. Room comes free when others end,
// and these may be blocked for tasks that find no cpu, since all belong to tasks that wait for room: then nothing goes
// on at all, until some are made to begin anew.
//
// So what a blocked task awaits may run on such cpus. Nothing else may, also when it has ended: new work would want
// room, too. Named resources are not lent: one stands for what only one may use, and whoever waits in the middle of its
// work goes on to use it.
//
// A task takes its cpus back with its room, or when it is told that it gets none, so no answer waits for a cpu. There
// are never more tasks that compute than twice the cpus: the queue answers none whose cpus could not be had back within
// that (`could_use_room`). Those that have them then end, or come to wait for room too, and can be answered at any
// time.
namespace morrow::worker {

namespace {

control::Resources cpus_of(const control::Resources& held) {
  control::Resources cpus;
  cpus.cpu_micro = held.cpu_micro;
  return cpus;
}

}  // namespace

void Brain::room_lacks(Time now, ExecutorId id, bool lacks) {
  advance(now);
  ExecutorState* executor = executors_.find(id);
  if (executor == nullptr || executor->stack.empty()) return;
  if (lacks) {
    executor->stack.back().lacks_room = true;
    return;
  }
  for (StackedTask& stacked : executor->stack) {
    stacked.lacks_room = false;
    if (stacked.lends) take_back_cpus(stacked);
  }
}

bool Brain::could_use_room(ExecutorId id) const {
  const ExecutorState* executor = executors_.find(id);
  if (executor == nullptr || executor->stack.empty() || !executor->stack.back().lacks_room) return true;
  // Those that wait for room compute nothing, whether or not others use their cpus.
  std::uint64_t computing_micro = ledger_.used_cpu_micro();
  for (const auto& [other, state] : executors_) {
    if (state.stack.empty()) continue;
    const StackedTask& top = state.stack.back();
    if (top.lacks_room && !top.lends && !top.blocked) computing_micro -= top.held.cpu_micro;
  }
  return computing_micro + executor->stack.back().held.cpu_micro <= 2 * ledger_.total().cpu_micro;
}

/// False: those that wait for room have not enough to lend, or it finds no process.
bool Brain::start_on_lent(const HeldTaskPtr& task) {
  const control::Resources& need = task->run.spec->requirements;
  control::Resources but_cpus = need;
  but_cpus.cpu_micro = 0;
  if (fits(need) || !fits(but_cpus)) return false;  // cpus are not what it lacks
  std::vector<ExecutorState*> lenders;
  for (auto& [id, executor] : executors_) {
    if (executor.killed || executor.stack.empty()) continue;
    StackedTask& top = executor.stack.back();
    if (!top.lacks_room || top.lends || top.blocked || top.held.cpu_micro == 0) continue;
    lend_cpus(top);
    lenders.push_back(&executor);
    if (fits(need)) break;
  }
  if (lenders.empty()) return false;
  const bool started = try_start(task);
  for (ExecutorState* const lender : lenders) {
    if (started) {
      control::coverage_mark<"a task that waits for room in object memory lends its cpus">();
      revoke_queued(*lender);
    } else {
      take_back_cpus(lender->stack.back());
    }
  }
  return started;
}

void Brain::lend_cpus(StackedTask& stacked) {
  MORROW_INVARIANT(stacked.lacks_room && !stacked.lends && !stacked.blocked,
                   "a task lends its cpus once while it waits for room", stacked.task->run.id);
  ledger_.release(cpus_of(stacked.held));
  lent_cpu_micro_ += stacked.held.cpu_micro;
  stacked.lends = true;
}

void Brain::take_back_cpus(StackedTask& stacked) {
  MORROW_INVARIANT(stacked.lends && lent_cpu_micro_ >= stacked.held.cpu_micro, "cpus that are taken back were lent",
                   stacked.task->run.id, lent_cpu_micro_);
  ledger_.take(cpus_of(stacked.held));
  lent_cpu_micro_ -= stacked.held.cpu_micro;
  stacked.lends = false;
}

}  // namespace morrow::worker
