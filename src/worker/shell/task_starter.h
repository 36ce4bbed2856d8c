// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/types.h"
#include "worker/brain/actions.h"
#include "worker/brain/brain.h"
#include "worker/ids/ids.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// A task that an executor was given.
struct HandedTask {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  control::Claim claim = 0;
  std::uint32_t attempt = 0;
  control::SpecPtr spec;
  control::FutureId id;
};

/// A value that a task depends on, and where it lies.
struct DependencyPlace {
  std::size_t index = 0;  ///< of the dependency
  ObjectPlace place;
};

/// Gives tasks to executors, each with its values. Holds, for each executor, the tasks that it was given and has not
/// ended, and those of them that wait for a value. Owns no process, memory, timer or clock. Main thread only.
class TaskStarter {
 public:
  /// What it acts with.
  struct Means {
    WantValue want;
    std::function<void(ExecutorId, std::uint64_t object)> unpin;
    std::function<void(control::FutureId, const control::ObjectRef&)> prefetch;
    /// Why values of so many bytes can never be here together; nothing: they can.
    std::function<std::optional<ObjectProblem>(std::uint64_t bytes)> never_fit;
    std::function<bool()> anything_held;  ///< somebody holds memory that may come free
    /// Gives the executor's process the task.
    std::function<void(const action::Dispatch&, const std::vector<DependencyPlace>&)> give;
    /// Takes a task back from the process. False: it has begun.
    std::function<bool(ExecutorId, std::uint32_t slot, std::uint32_t generation)> take_back;
    CallLater after;
    std::function<std::uint64_t()> clock_ms;  ///< monotonic
  };
  /// For the brain.
  struct Events {
    /// It could not be started.
    std::function<void(ExecutorId, Brain::Done)> task_done;
    std::function<void(ExecutorId, std::uint32_t slot, std::uint32_t generation, bool taken_back)> revoked;
  };
  /// What it is told of this worker once.
  struct Options {
    std::string worker;                     ///< this one's name
    std::uint64_t room_within_ms = 10'000;  ///< how long others wait for room
    std::uint32_t seed = 1;                 ///< of the pauses between tries
  };

  TaskStarter(Means means, Options options, Events events);

  void executor_came(ExecutorId executor);
  /// Its process has ended, and with it all that it was given.
  void executor_gone(ExecutorId executor);

  /// Gives it to its executor as soon as its values are here. Executors that are gone are ignored.
  void carry_out(action::Dispatch& dispatch);
  void carry_out(action::Revoke& revoke);
  /// Starts what can be started by now; to be called when a task of this executor has ended.
  void start_ready(ExecutorId executor);
  /// Takes the task off those that the executor was given.
  void ended(ExecutorId executor, control::Claim claim);

  /// Those that the executor was given and that have not ended, the oldest first.
  /// \pre the executor has come and is not gone
  const std::deque<HandedTask>& handed(ExecutorId executor) const;
  /// The one of this execution; null: it has ended, or was never here.
  const HandedTask* handed(ExecutorId executor, control::Claim claim) const;
  /// The same, if its process has been given the task: what waits for values here can't have ended.
  const HandedTask* given(ExecutorId executor, control::Claim claim) const;
  /// Whether it waits for room for its values, and has tried in vain before.
  bool lacks_room(ExecutorId executor, control::Claim claim) const;

 private:
  struct PendingStart;
  using PendingPtr = std::shared_ptr<PendingStart>;
  /// The tasks of one executor.
  struct Queue {
    std::deque<HandedTask> handed;   ///< the oldest first
    std::deque<PendingPtr> pending;  ///< of these: not given to the process yet, for want of values
  };

  Queue* find(ExecutorId executor);
  void ask_for_values(const PendingPtr& start);
  void value_came(const PendingPtr& start, std::size_t index, const ObjectPlace* place, const ObjectProblem* problem);
  void let_go(PendingStart& start);
  bool try_again(const PendingPtr& start);
  PendingPtr next_ready(Queue& queue);
  void give(const action::Dispatch& dispatch, const std::vector<DependencyPlace>& places);
  void fail(ExecutorId executor, Queue& queue, const PendingStart& start);

  Means means_;
  const Options options_;
  Events events_;
  std::unordered_map<ExecutorId, Queue> queues_;
  std::uint64_t started_with_values_ = 0;  ///< tasks that depend on large values
  std::minstd_rand random_;
};

}  // namespace morrow::worker
