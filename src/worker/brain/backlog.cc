// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/backlog.h"

#include "base/invariant.h"

namespace morrow::worker {

using Place = HeldTask::Place;

Backlog::Lane& Backlog::lane_of(const control::Spec& spec) {
  if (last_lane_ != nullptr && last_lane_->program == spec.program && last_lane_->requirements == spec.requirements)
    return *last_lane_;
  const auto [found, created] = lanes_.try_emplace({spec.program, spec.requirements.encode()});
  Lane& lane = found->second;
  if (created) {
    lane.program = spec.program;
    lane.requirements = spec.requirements;
  }
  last_lane_ = &lane;
  return lane;
}

void Backlog::enter(const HeldTaskPtr& task, Time counted, bool front) {
  task->move_to(Place::kBacklog);
  task->counted = counted;
  ++size_;
  time_ += counted;
  if (task->wanted) wanted_.push_front(task);
  Lane& lane = lane_of(*task->run.spec);
  if (front) {
    lane.waiting.push_front(task);
  } else {
    lane.waiting.push_back(task);
  }
}

void Backlog::leave(HeldTask& task, Place next) {
  MORROW_INVARIANT(task.place() == Place::kBacklog, "only a task of the backlog leaves it", task.run.id, task.place());
  MORROW_INVARIANT(size_ > 0 && time_ >= task.counted, "the backlog counts each of its tasks", size_, time_,
                   task.counted);
  task.move_to(next);
  --size_;
  time_ -= task.counted;
}

void Backlog::want(const HeldTaskPtr& task) {
  if (task->wanted) return;
  task->wanted = true;
  if (task->place() == Place::kBacklog) wanted_.push_front(task);
}

HeldTaskPtr Backlog::take_wanted() {
  while (!wanted_.empty()) {
    HeldTaskPtr task = std::move(wanted_.front());
    wanted_.pop_front();
    if (task->place() == Place::kBacklog) return task;
  }
  return nullptr;
}

void Backlog::return_wanted(const std::deque<HeldTaskPtr>& unplaced) {
  wanted_.insert(wanted_.begin(), unplaced.begin(), unplaced.end());
}

Backlog::Lane* Backlog::lane_like(const control::Spec& spec) {
  const auto found = lanes_.find({spec.program, spec.requirements.encode()});
  return found == lanes_.end() ? nullptr : &found->second;
}

const HeldTaskPtr& Backlog::head(Lane& lane) {
  static const HeldTaskPtr none;
  while (!lane.waiting.empty() && lane.waiting.front()->place() != Place::kBacklog) lane.waiting.pop_front();
  return lane.waiting.empty() ? none : lane.waiting.front();
}

void Backlog::drop_empty_lanes() {
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    if (!lane->second.waiting.empty()) {
      ++lane;
      continue;
    }
    if (&lane->second == last_lane_) last_lane_ = nullptr;
    lane = lanes_.erase(lane);
  }
}

std::vector<Backlog::Lane*> Backlog::lanes_of(const std::string& program) {
  std::vector<Lane*> lanes;
  for (auto& [key, lane] : lanes_) {
    if (lane.program == program) lanes.push_back(&lane);
  }
  return lanes;
}

std::vector<HeldTaskPtr> Backlog::tasks_of(const Lane& lane) {
  std::vector<HeldTaskPtr> tasks;
  for (const HeldTaskPtr& task : lane.waiting) {
    if (task->place() == Place::kBacklog) tasks.push_back(task);
  }
  return tasks;
}

void Backlog::remove_uncommitted(Place next) {
  for (auto& [key, lane] : lanes_) {
    for (const HeldTaskPtr& task : lane.waiting) {
      if (task->place() == Place::kBacklog && !task->committed) leave(*task, next);
    }
  }
}

}  // namespace morrow::worker
