// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "worker/brain/held_task.h"

namespace morrow::worker {

/// A task on the stack of an executor; only the last one runs, those under it are blocked.
struct StackedTask {
  HeldTaskPtr task;
  control::Resources held;      ///< what it took, with what it released while it is blocked
  control::Resources released;  ///< while it is blocked
  bool blocked = false;         ///< it waits, and others may use what it released
  bool hosts = false;           ///< while it is blocked: a nested run may go on top
  bool lacks_room = false;      ///< it waits for room in the object memory
  bool lends = false;           ///< … and others use its cpus meanwhile
  Time running_since = 0;
  Time ran = 0;  ///< before `running_since`
};

/// A task that runs on top of another one's stack, in its process.
struct NestedRun {
  ExecutorId executor = 0;
  control::Claim claim = 0;
  std::string name;
  std::string under;       ///< the name of the one that waits right under it
  bool may_go_on = false;  ///< it awaits others, or room: what it stands still for is known
};

/// An executor as the brain sees it: a process, or one that is being started.
struct ExecutorState {
  ExecutorId id = 0;
  std::string program;
  bool started = false;
  bool worked = false;                 ///< it has ended a task, or taken one
  std::vector<unsigned> devices;       ///< it sees these for life
  std::vector<unsigned> held_devices;  ///< taken for the task that runs now
  std::vector<StackedTask> stack;      ///< empty: idle
  std::deque<HeldTaskPtr> queued;      ///< handed ahead, after stack[0]
  Time queued_time = 0;                ///< sum of what is counted for them
  control::Claim collected = 0;        ///< the task at whose expense its results were collected
  std::uint32_t generation = 0;
  Time idle_since = 0;
  bool killed = false;
  control::OutcomePtr kill_outcome;  ///< to charge to the topmost task; null with `killed`: charge nothing

  bool runs(control::Claim claim) const { return !stack.empty() && stack.back().task->run.claim == claim; }
};

/// All executors of this worker: by number; the idle ones by program; and those to which tasks were handed ahead.
///
/// An idle one has nothing on its stack, and is not killed. One is among those with tasks ahead exactly while tasks are
/// queued at it. References and pointers to executors stand until they are taken out. Not thread-safe.
class ExecutorStates {
 public:
  /// A task on a stack, with its executor; both null: not found.
  struct StackPosition {
    ExecutorState* executor = nullptr;
    StackedTask* task = nullptr;
  };

  ExecutorState& add(const std::string& program, std::vector<unsigned> devices);
  /// Null: it has exited.
  ExecutorState* find(ExecutorId id);
  const ExecutorState* find(ExecutorId id) const;
  /// It is there.
  ExecutorState& at(ExecutorId id);
  const ExecutorState& at(ExecutorId id) const;
  /// The execution with this claim, on the stack of this executor.
  StackPosition find(ExecutorId id, control::Claim claim);
  /// Null: it is not there.
  const StackedTask* stacked(ExecutorId id, control::Claim claim) const;
  /// It is gone: takes it out of the table. It is there.
  ExecutorState take(ExecutorId id);
  /// Takes out those of the program that did not start yet.
  std::vector<ExecutorState> take_unstarted(const std::string& program);

  // ---- idle ones ----
  /// Its stack is empty; nothing happens when it is killed.
  void add_idle(ExecutorState& executor, Time now);
  /// Of the program, the warmest that is suitable: it is idle no more. Null: none.
  template <class Suitable>
  ExecutorState* take_idle(const std::string& program, Suitable suitable) {
    const auto found = idle_.find(program);
    if (found == idle_.end()) return nullptr;
    auto& ids = found->second;
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      ExecutorState& executor = at(*id);
      if (!suitable(executor)) continue;
      ids.erase(std::next(id).base());
      return &executor;
    }
    return nullptr;
  }
  /// The one of the first program that was idle longest; null: none is idle.
  ExecutorState* any_idle();
  bool has_idle() const;
  bool has_idle(const std::string& program) const;
  /// Of each program, those above `keep` that were idle for so long at least; the longest idle first.
  std::vector<ExecutorId> long_idle(Time now, std::size_t keep, Time idle_for) const;
  /// It is on its way out, and idle no more.
  void mark_killed(ExecutorState& executor, control::OutcomePtr outcome);

  // ---- tasks handed ahead ----
  void queue(ExecutorState& executor, const HeldTaskPtr& task);
  /// The first of its queue, which is not empty.
  HeldTaskPtr take_first_queued(ExecutorState& executor);
  /// False: it is not queued there.
  bool unqueue(ExecutorState& executor, const HeldTaskPtr& task);
  const std::unordered_set<ExecutorId>& with_queued() const { return with_queued_; }

  std::size_t size() const { return executors_.size(); }
  auto begin() { return executors_.begin(); }
  auto end() { return executors_.end(); }
  auto begin() const { return executors_.begin(); }
  auto end() const { return executors_.end(); }

 private:
  void remove_idle(const ExecutorState& executor);
  void queue_shrank(ExecutorState& executor, const HeldTask& task);

  std::unordered_map<ExecutorId, ExecutorState> executors_;
  std::map<std::string, std::vector<ExecutorId>> idle_;  ///< by program; the last one is the warmest
  std::unordered_set<ExecutorId> with_queued_;
  ExecutorId last_id_ = 0;
};

}  // namespace morrow::worker
