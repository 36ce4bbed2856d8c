// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "worker/brain/held_task.h"

namespace morrow::worker {

/// The tasks that are to be run here and wait for an executor: in lanes, each of the tasks of one program with the same
/// requirements, first come first served; and those among them that a blocked task awaits, the latest wish first.
///
/// A task is in the backlog while its place is kBacklog. It may leave by another door than its lane, or the list of
/// wishes, so both may name tasks that are elsewhere by now: these are skipped. `size` and `time` count each task once.
/// Not thread-safe.
class Backlog {
 public:
  /// Tasks of the same program and the same requirements, first come first served.
  struct Lane {
    std::string program;
    control::Resources requirements;
    std::deque<HeldTaskPtr> waiting;
  };

  /// `counted` is the time it is expected to take. In front: it goes before all others of its lane.
  void enter(const HeldTaskPtr& task, Time counted, bool front);
  /// It is in the backlog, and goes to `next`.
  void leave(HeldTask& task, HeldTask::Place next);

  /// A blocked task awaits this one, which may come to the backlog later.
  void want(const HeldTaskPtr& task);
  /// Of the wishes that wait here still, those for which `still(task)` is false are none any more.
  template <class Still>
  void drop_wishes(Still still) {
    std::erase_if(wanted_, [&](const HeldTaskPtr& task) {
      if (task->place() != HeldTask::Place::kBacklog) return true;
      task->wanted = still(*task);
      return !task->wanted;
    });
  }
  /// The latest wish that waits here still; null: none. It stays in the backlog until it leaves.
  HeldTaskPtr take_wanted();
  /// Those that found no place, in the order they were taken in.
  void return_wanted(const std::deque<HeldTaskPtr>& unplaced);

  /// The lane whose first task came first among those that fit. Those for which `held(program)` is true are passed by:
  /// their program does not start for now. What waited for longer than `starving_after` and does
  /// not fit keeps all that came after it from taking, piece by piece, what it needs: then, and when nothing fits,
  /// null. The lane stands until `drop_empty_lanes`.
  template <class Fits, class Held>
  Lane* next_lane(Time now, Time starving_after, Fits fits, Held held) {
    Lane* best = nullptr;
    HeldTask* first = nullptr;
    bool starving = false;
    for (auto& [key, lane] : lanes_) {
      HeldTask* task = head(lane).get();
      if (task == nullptr || held(lane.program)) continue;
      if (!fits(lane.requirements)) {
        starving |= now - task->arrived > starving_after;
      } else if (best == nullptr || task->arrived < first->arrived) {
        best = &lane;
        first = task;
      }
    }
    if (best == nullptr || (starving && now - first->arrived <= starving_after)) return nullptr;
    return best;
  }
  /// The lane of tasks like this one; null: none is there.
  Lane* lane_like(const control::Spec& spec);
  /// The first task of the lane; null: none is left. It stays in the backlog until it leaves.
  static const HeldTaskPtr& head(Lane& lane);
  void drop_empty_lanes();

  /// The lanes of the program; they stand until `drop_empty_lanes`.
  std::vector<Lane*> lanes_of(const std::string& program);
  /// The tasks of the lane, first come first; they stay in the backlog until they leave.
  static std::vector<HeldTaskPtr> tasks_of(const Lane& lane);
  /// Those that are committed and for which `goes(task)` holds leave it for `next`, in the order of their lanes.
  template <class Goes>
  std::vector<HeldTaskPtr> take_committed(Goes goes, HeldTask::Place next) {
    std::vector<HeldTaskPtr> taken;
    for (auto& [key, lane] : lanes_) {
      for (const HeldTaskPtr& task : lane.waiting) {
        if (task->place() != HeldTask::Place::kBacklog || !task->committed || !goes(*task)) continue;
        leave(*task, next);
        taken.push_back(task);
      }
    }
    return taken;
  }
  /// Those that are not committed leave it for `next`.
  void remove_uncommitted(HeldTask::Place next);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Sum of what was counted, in nanoseconds.
  Time time() const { return time_; }

 private:
  Lane& lane_of(const control::Spec& spec);

  std::map<std::pair<std::string, std::string>, Lane> lanes_;  ///< by program and encoded requirements
  Lane* last_lane_ = nullptr;       ///< where the last task went: the next one mostly goes there too
  std::deque<HeldTaskPtr> wanted_;  ///< the latest first
  std::size_t size_ = 0;
  Time time_ = 0;
};

}  // namespace morrow::worker
