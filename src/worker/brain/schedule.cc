// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "worker/brain/impl.h"

namespace morrow::worker {

using Place = Task::Place;

namespace {

constexpr std::size_t kHandAtOnce = 16;
constexpr std::size_t kSpareSlots = 24;  // of an executor's claim words, so that none is met twice

/// It may stand still at its start until its values are here: nothing is queued with it.
bool needs_objects(const Task& task) {
  return std::any_of(task.run.dependencies.begin(), task.run.dependencies.end(),
                     [](const auto& value) { return static_cast<bool>(value->object); });
}

}  // namespace

// ---- what tasks take, as far as is known ----

Time Brain::Impl::estimate(const control::Spec& spec) const {
  const auto found = estimates_.find(spec.function_key);
  return found == estimates_.end() ? setup_.knobs.hand_ahead / 2 : found->second.ran;
}

void Brain::Impl::learn(const control::Spec& spec, Time ran) {
  if (estimates_.size() > 10'000) estimates_.clear();
  const auto [found, first] = estimates_.try_emplace(spec.function_key, Estimate{ran, false});
  if (!first) found->second.ran = (found->second.ran * 7 + ran) / 8;
}

std::size_t Brain::Impl::width(const control::Resources& need) const {
  if (need.cpu_milli == 0) return setup_.knobs.executor_cap;
  return std::max<std::size_t>(ledger_.total().cpu_milli / need.cpu_milli, 1);
}

/// Whether what comes now is to be run here, beside what was promised in the same round.
bool Brain::Impl::room_for(const control::Spec& spec, const Promised& promised) const {
  if (at_cap() || (backlog_time_ + promised.time) / width(spec.requirements) >= setup_.knobs.hand_ahead) return false;
  if (!others_idle_ || promised.time == 0) return true;
  // Others could start at once what would wait here.
  control::Resources taken = promised.resources;
  taken += spec.requirements;
  return taken.fits_in(ledger_.free());
}

// ---- the backlog ----

Lane& Brain::Impl::lane_of(const control::Spec& spec) {
  if (last_lane_ != nullptr && last_lane_->program == spec.program && last_lane_->requirements == spec.requirements)
    return *last_lane_;
  Lane& lane = lanes_[{spec.program, spec.requirements.encode()}];
  if (lane.program.empty()) {
    lane.program = spec.program;
    lane.requirements = spec.requirements;
  }
  last_lane_ = &lane;
  return lane;
}

/// Large dependencies come while the task waits for its turn.
void Brain::Impl::prefetch(const Task& task) {
  action::Prefetch prefetch;
  for (std::size_t i = 0; i < task.run.dependencies.size(); ++i) {
    if (const control::ObjectRef& object = task.run.dependencies[i]->object)
      prefetch.objects.emplace_back(task.run.spec->dependencies[i], object);
  }
  if (!prefetch.objects.empty()) act(std::move(prefetch));
}

void Brain::Impl::enter_backlog(Time now, const TaskPtr& task, bool front) {
  (void)now;
  task->place = Place::kBacklog;
  ++backlog_;
  task->counted = estimate(*task->run.spec);
  backlog_time_ += task->counted;
  prefetch(*task);
  if (task->wanted) wanted_.push_front(task);
  Lane& lane = lane_of(*task->run.spec);
  if (front) {
    lane.waiting.push_front(task);
  } else {
    lane.waiting.push_back(task);
  }
}

void Brain::Impl::leave_backlog(Task& task) {
  --backlog_;
  backlog_time_ -= task.counted;
}

TaskPtr Brain::Impl::head(Lane& lane) {
  while (!lane.waiting.empty() && lane.waiting.front()->place != Place::kBacklog) lane.waiting.pop_front();
  return lane.waiting.empty() ? nullptr : lane.waiting.front();
}

// ---- executors to run it ----

Executor* Brain::Impl::idle_executor(const std::string& program, std::uint64_t gpu_milli) {
  const auto found = idle_.find(program);
  if (found == idle_.end()) return nullptr;
  auto& ids = found->second;
  for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
    Executor& executor = executors_.at(*id);
    if ((gpu_milli == 0) != executor.devices.empty()) continue;
    if (gpu_milli != 0) {
      // Devices are bound for life: usable again only when the very same ones would be given.
      Devices trial = devices_;
      if (trial.take(gpu_milli) != executor.devices) continue;
    }
    ids.erase(std::next(id).base());
    return &executor;
  }
  return nullptr;
}

bool Brain::Impl::evict_idle(Time now) {
  (void)now;
  for (auto& [program, ids] : idle_) {
    if (ids.empty()) continue;
    Executor& executor = executors_.at(ids.front());
    ids.erase(ids.begin());
    kill(executor, nullptr);
    return true;
  }
  return false;
}

Executor* Brain::Impl::new_executor(Time now, const std::string& program, std::uint64_t gpu_milli, bool above_cap) {
  const std::size_t cap = setup_.knobs.executor_cap + (above_cap ? setup_.knobs.above_cap : 0);
  if (executors_.size() >= cap) {
    // The place of an idle one of another program comes free when its end is known.
    if (executors_.size() == cap) evict_idle(now);
    return nullptr;
  }
  Executor executor;
  executor.id = ++last_executor_;
  executor.program = program;
  if (gpu_milli != 0) {
    Devices trial = devices_;
    executor.devices = trial.take(gpu_milli);
  }
  act(action::StartExecutor{executor.id, program, executor.devices});
  return &executors_.emplace(executor.id, std::move(executor)).first->second;
}

void Brain::Impl::dispatch(Time now, Executor& executor, const TaskPtr& task, bool nested) {
  leave_backlog(*task);
  const bool ahead = !nested && !executor.frames.empty();
  task->place = Place::kHanded;
  task->begun = false;
  task->executor = executor.id;
  task->generation = ++executor.generation;
  task->slot = task->generation % setup_.knobs.claim_slots;
  claims_[task->run.claim] = task;
  if (ahead) {
    executor.queued.push_back(task);
    executor.queued_time += task->counted;
    ahead_.insert(executor.id);
  } else {
    Frame frame;
    frame.task = task;
    frame.held = task->run.spec->requirements;
    frame.running_since = now;
    ledger_.take(frame.held);
    if (!nested && frame.held.gpu_milli != 0) executor.held_devices = devices_.take(frame.held.gpu_milli);
    executor.frames.push_back(std::move(frame));
    note_start(now, executor, task);
    if (nested) ++counters_.nested;
  }
  ++counters_.tasks;
  act(action::Dispatch{executor.id, task->slot, task->generation, nested, !nested && is_brief(*task->run.spec),
                       task->run});
}

bool Brain::Impl::try_start(Time now, const TaskPtr& task) {
  const control::Spec& spec = *task->run.spec;
  if (!ledger_.fits(spec.requirements) || !devices_.fits(spec.requirements.gpu_milli)) return false;
  if (Executor* executor = idle_executor(spec.program, spec.requirements.gpu_milli)) {
    dispatch(now, *executor, task, false);
    return true;
  }
  // At the cap nothing new starts but what a task that stands still awaits, and that on top of its stack.
  bool above_cap = false;
  if (task->wanted && at_cap()) {
    if (try_nested(now, task)) return true;
    const auto awaited = awaited_.find(task->run.id);
    above_cap = awaited != awaited_.end() &&
                std::any_of(awaited->second.waiters.begin(), awaited->second.waiters.end(),
                            [](const auto& waiter) { return waiter.first->lends && !waiter.first->request.hosts; });
  }
  if (Executor* executor = new_executor(now, spec.program, spec.requirements.gpu_milli, above_cap)) {
    dispatch(now, *executor, task, false);
    return true;
  }
  return false;
}

bool Brain::Impl::try_nested(Time now, const TaskPtr& task) {
  if (task->run.spec->requirements.gpu_milli != 0) return false;  // its devices are bound for life
  const auto can_host = [&](Executor& executor) {
    return !executor.killed && executor.program == task->run.spec->program && !executor.frames.empty() &&
           executor.frames.back().is_lent && executor.frames.back().hosts &&
           std::none_of(resume_.begin(), resume_.end(),
                        [&](const auto& entry) { return entry.first->who.executor == executor.id; });
  };
  if (const auto awaited = awaited_.find(task->run.id); awaited != awaited_.end()) {
    for (const auto& [state, index] : awaited->second.waiters) {
      if (!state->lends || !state->request.hosts) continue;
      const auto executor = executors_.find(state->who.executor);
      if (executor == executors_.end() || !can_host(executor->second)) continue;
      if (executor->second.frames.back().task->run.claim != state->request.claim) continue;
      dispatch(now, executor->second, task, true);
      return true;
    }
    return false;
  }
  // Awaited through its dependents only: the process that stands still longest without anything of its own to run.
  const auto dependent = dependents_of_wait_.find(task->run.id);
  if (dependent == dependents_of_wait_.end()) return false;
  const auto executor = executors_.find(dependent->second);
  if (executor == executors_.end() || !can_host(executor->second)) return false;
  dispatch(now, executor->second, task, true);
  return true;
}

// ---- the decision ----

/// A slot that a waiting task takes back within a moment is not given to anything new: else each commit that recursion
/// waits for opens another branch, and another process stands still in it.
bool Brain::Impl::kept_for_resuming(Time now, const control::Resources& need) {
  std::uint64_t kept = 0;
  for (const auto& [id, since] : resuming_) {
    if (now - since < setup_.knobs.keep_for_resuming) kept += 1000;
  }
  return kept != 0 && need.cpu_milli != 0 && ledger_.free().cpu_milli < kept + need.cpu_milli;
}

void Brain::Impl::schedule(Time now) {
  resume(now);
  // The latest wish first; those that find no place stay in their order.
  std::deque<TaskPtr> unplaced;
  std::size_t misses = 0;
  while (!wanted_.empty() && misses < 64) {
    TaskPtr task = std::move(wanted_.front());
    wanted_.pop_front();
    if (task->place != Place::kBacklog) continue;
    if (!try_start(now, task)) {
      unplaced.push_back(std::move(task));
      ++misses;
    }
  }
  wanted_.insert(wanted_.begin(), unplaced.begin(), unplaced.end());
  if (!resume_.empty()) return;  // those whose value is there come before anything new

  while (backlog_ > 0) {
    Lane* best = nullptr;
    bool starving = false;
    for (auto& [key, lane] : lanes_) {
      const TaskPtr task = head(lane);
      if (!task) continue;
      const bool fits = ledger_.fits(lane.requirements) && devices_.fits(lane.requirements.gpu_milli);
      if (!fits) {
        starving |= now - task->arrived > setup_.knobs.starving_after;
        continue;
      }
      if (best == nullptr || task->arrived < head(*best)->arrived) best = &lane;
    }
    // What waited for long keeps the others from taking, piece by piece, what it needs; it gets its turn when they end.
    if (best == nullptr || (starving && now - head(*best)->arrived <= setup_.knobs.starving_after)) break;
    const TaskPtr task = head(*best);
    if (kept_for_resuming(now, best->requirements) || !try_start(now, task)) break;
    best->waiting.pop_front();
  }
  hand_ahead(now);
  if (at_cap()) at_the_cap(now);
  for (auto lane = lanes_.begin(); lane != lanes_.end();) {
    if (!lane->second.waiting.empty()) {
      ++lane;
      continue;
    }
    if (&lane->second == last_lane_) last_lane_ = nullptr;
    lane = lanes_.erase(lane);
  }
  want_claim(now);
}

void Brain::Impl::hand_ahead(Time now) {
  if (backlog_ == 0) return;
  struct Taker {
    Executor* executor;
    Lane* lane;
    Time ahead;
  };
  std::vector<Taker> takers;
  for (auto& [id, executor] : executors_) {
    if (executor.frames.size() != 1 || executor.frames.front().is_lent || executor.killed) continue;
    const control::Spec& running = *executor.frames.front().task->run.spec;
    if (const auto known = estimates_.find(running.function_key); known != estimates_.end() && known->second.waits)
      continue;
    if (now - executor.frames.front().running_since > setup_.knobs.hand_ahead) continue;
    const auto found = lanes_.find({running.program, running.requirements.encode()});
    if (found == lanes_.end()) continue;
    takers.push_back({&executor, &found->second, estimate(running) + executor.queued_time});
  }
  // In turns, some to each: so they end about in the order they were submitted in, which is the order of the commits.
  for (bool more = true; more;) {
    more = false;
    for (Taker& taker : takers) {
      for (std::size_t i = 0; i < kHandAtOnce; ++i) {
        if (!hand_one(now, taker.executor, *taker.lane, taker.ahead)) break;
        more |= i + 1 == kHandAtOnce;
      }
    }
  }
}

bool Brain::Impl::hand_one(Time now, Executor* executor, Lane& lane, Time& ahead) {
  if (executor->queued.size() + kSpareSlots >= setup_.knobs.claim_slots) return false;
  const TaskPtr task = head(lane);
  if (!task || task->wanted || needs_objects(*task)) return false;
  // Only what is known to be short: an unknown one counts for half of the time, so that one runs and none waits
  // behind it.
  const auto known = estimates_.find(task->run.spec->function_key);
  if (known == estimates_.end() || known->second.waits) return false;
  if (ahead + known->second.ran > setup_.knobs.hand_ahead) return false;
  ahead += known->second.ran;
  lane.waiting.pop_front();
  dispatch(now, *executor, task, false);
  return true;
}

bool Brain::Impl::at_cap() const {
  return executors_.size() >= setup_.knobs.executor_cap &&
         std::all_of(idle_.begin(), idle_.end(), [](const auto& program) { return program.second.empty(); });
}

void Brain::Impl::at_the_cap(Time now) {
  bool stuck = true;
  for (const auto& [id, executor] : executors_) {
    if (executor.frames.empty() || !executor.frames.back().is_lent) stuck = false;
  }
  if (!stuck || now < next_cap_look_) return;
  next_cap_look_ = now + 20'000'000;
  give_back_unstarted(now);
  // What is awaited here and not held here: itself by id, and what it depends on.
  for (const auto& [key, state] : awaits_) {
    if (!state->lends || !state->request.hosts) continue;
    for (std::size_t i = 0; i < state->request.ids.size(); ++i) {
      const control::FutureId id = state->request.ids[i];
      if (state->answered[i] || tasks_.count(id) != 0) continue;
      by_id_.insert(id);
      dependents_of_wait_[id] = state->who.executor;
      act(action::FindReadyDependencies{id});
      break;
    }
  }
}

void Brain::Impl::give_back_unstarted(Time now) {
  for (auto& [key, lane] : lanes_) {
    for (const TaskPtr& task : lane.waiting) {
      if (task->place != Place::kBacklog || task->wanted || !task->committed) continue;
      leave_backlog(*task);
      task->place = Place::kEnded;
      push(now, control::op::Relinquish{task->run.id, task->run.claim}, task, true);
      ++counters_.handed_back;
    }
  }
  commit_queue_.make_all_due();  // what is not committed goes to the index as well
}

}  // namespace morrow::worker
