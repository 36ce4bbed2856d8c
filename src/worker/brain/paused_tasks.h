// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>

#include "worker/brain/held_task.h"

namespace morrow::worker {

/// Tasks whose last attempt failed and that wait a moment before the next one: they hold no process and no resources.
/// A task that leaves its place meanwhile (it was cancelled, or given back) is skipped when its time comes. Not
/// thread-safe.
class PausedTasks {
 public:
  void add(const HeldTaskPtr& task, Time until) {
    task->move_to(HeldTask::Place::kPaused);
    paused_.emplace(until, task);
  }
  /// The next one whose time has come; null: none.
  HeldTaskPtr take_due(Time now) {
    while (!paused_.empty() && paused_.begin()->first <= now) {
      const HeldTaskPtr task = paused_.begin()->second;
      paused_.erase(paused_.begin());
      if (task->place() == HeldTask::Place::kPaused) return task;
    }
    return nullptr;
  }
  /// When the time of this one comes; 0: it is not here.
  Time until(const HeldTask& task) const {
    for (const auto& [time, paused] : paused_) {
      if (paused.get() == &task) return time;
    }
    return 0;
  }
  /// When the next one's time comes; nothing: none is here.
  std::optional<Time> next() const {
    if (paused_.empty()) return std::nullopt;
    return paused_.begin()->first;
  }

 private:
  std::multimap<Time, HeldTaskPtr> paused_;
};

}  // namespace morrow::worker
