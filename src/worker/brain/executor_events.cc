// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "worker/brain/impl.h"
#include "worker/brain/worker_failure.h"

namespace morrow::worker {

using control::FailureKind;
using Place = Task::Place;

Frame* Brain::Impl::frame_of(const Waiter& who, control::Claim claim, Executor** executor) {
  const auto found = executors_.find(who.executor);
  if (found == executors_.end()) return nullptr;
  *executor = &found->second;
  for (Frame& frame : found->second.frames) {
    if (frame.task->run.claim == claim) return &frame;
  }
  return nullptr;
}

void Brain::Impl::note_start(Time now, Executor& executor, const TaskPtr& task) {
  if (task->run.spec->timeout_ns != 0) {
    timeouts_.emplace(now + task->run.spec->timeout_ns, std::pair(executor.id, task->run.claim));
  }
}

void Brain::Impl::release_frame(Executor& executor, Frame& frame) {
  ledger_.give(frame.held);
  if (frame.is_lent) ledger_.take(frame.lent);
  given_back_ = true;
  if (!executor.held_devices.empty() && frame.held.gpu_milli != 0) {
    devices_.give(executor.held_devices, frame.held.gpu_milli);
    executor.held_devices.clear();
  }
}

void Brain::Impl::became_idle(Time now, Executor& executor) {
  executor.idle_since = now;
  if (!executor.killed) idle_[executor.program].push_back(executor.id);
}

void Brain::Impl::task_done(Time now, ExecutorId id, Done done) {
  const auto drop = [&] {
    if (done.outcome->object) act(action::FreeObjects{{done.outcome->object.number}});
  };
  const auto found = executors_.find(id);
  if (found == executors_.end()) return drop();
  Executor& executor = found->second;
  const auto claimed = claims_.find(done.claim);
  const TaskPtr task = claimed == claims_.end() ? nullptr : claimed->second;
  if (executor.frames.empty() || executor.killed) return drop();  // the process is on its way out: its end tells

  const bool top = executor.frames.back().task->run.claim == done.claim;
  if (!top && done.unstarted) {
    // It was to run after, or under, the one that runs.
    const auto queued = std::find(executor.queued.begin(), executor.queued.end(), task);
    if (task == nullptr || queued == executor.queued.end()) return;
    executor.queued.erase(queued);
    executor.queued_time -= task->counted;
    if (executor.queued.empty()) ahead_.erase(id);
    claims_.erase(done.claim);
    if (task->place == Place::kHanded) end_of(now, task, std::move(done));
    return;
  }
  if (!top) {
    // Out of order can only be what was queued behind a task whose end is lost: not from our executors.
    kill(executor, make_failure(FailureKind::kCrash, "its process spoke out of turn", nullptr, setup_.info.name, 0));
    return drop();
  }
  Frame& frame = executor.frames.back();
  const TaskPtr ended = frame.task;
  const Time ran = frame.ran + (frame.is_lent ? 0 : now - frame.running_since);
  if (!done.unstarted)
    learn(*ended->run.spec, frame.ran == 0 && done.ran_ns != 0 ? std::min<Time>(ran, done.ran_ns) : ran);
  claims_.erase(done.claim);
  if (executor.frames.size() == 1 && !executor.queued.empty()) {
    // The next one has begun already; it keeps what this one held, which is the same.
    if (frame.is_lent) ledger_.take(frame.lent);
    frame.is_lent = false;
    frame.ran = 0;
    frame.running_since = now;
    frame.task = executor.queued.front();
    executor.queued.pop_front();
    executor.queued_time -= frame.task->counted;
    if (executor.queued.empty()) ahead_.erase(id);
    note_start(now, executor, frame.task);
  } else {
    release_frame(executor, frame);
    executor.frames.pop_back();
    if (executor.frames.empty()) became_idle(now, executor);
  }
  if (task && task->place == Place::kHanded) {
    end_of(now, task, std::move(done));
  } else {
    drop();
  }
}

void Brain::Impl::end_of(Time now, const TaskPtr& task, Done done) {
  task->lost = done.lost;
  if (done.lost.object != 0) recent_outcomes_.forget(done.lost.future);
  finish(now, task, std::move(done.outcome), done.may_hold_futures);
}

void Brain::Impl::revoked(ExecutorId id, std::uint32_t slot, std::uint32_t generation, bool taken_back) {
  const auto found = executors_.find(id);
  if (found == executors_.end()) return;
  Executor& executor = found->second;
  const auto queued = std::find_if(executor.queued.begin(), executor.queued.end(), [&](const TaskPtr& task) {
    return task->slot == slot && task->generation == generation;
  });
  if (queued == executor.queued.end()) return;
  const TaskPtr task = *queued;
  task->begun = !taken_back;
  if (!taken_back) return;
  executor.queued.erase(queued);
  executor.queued_time -= task->counted;
  if (executor.queued.empty()) ahead_.erase(id);
  claims_.erase(task->run.claim);
  if (task->place == Place::kHanded) enter_backlog(now_, task, true);
}

void Brain::Impl::revoke_queued(Time now, Executor& executor) {
  (void)now;
  if (executor.killed) return;
  // From the back, so that what is put in front of the lane again stands in its old order.
  for (auto task = executor.queued.rbegin(); task != executor.queued.rend(); ++task) {
    if (!(*task)->begun) act(action::Revoke{executor.id, (*task)->slot, (*task)->generation});
  }
}

void Brain::Impl::kill(Executor& executor, control::OutcomePtr outcome) {
  if (executor.killed) return;
  executor.killed = true;
  executor.kill_outcome = std::move(outcome);
  if (const auto idle = idle_.find(executor.program); idle != idle_.end()) {
    auto& ids = idle->second;
    ids.erase(std::remove(ids.begin(), ids.end(), executor.id), ids.end());
  }
  act(action::KillExecutor{executor.id});
}

void Brain::Impl::fail_task(Time now, const TaskPtr& task, FailureKind kind, std::string message) {
  finish(now, task, make_failure(kind, std::move(message), task->run.spec.get(), setup_.info.name, task->run.tries + 1),
         false);
}

void Brain::Impl::interrupted(Time now, const TaskPtr& task) {
  if (task->place != Place::kHanded) return;
  claims_.erase(task->run.claim);
  if (++task->interruptions > setup_.knobs.max_interruptions) {
    fail_task(now, task, FailureKind::kCrash, "tasks that it awaited killed the process it ran in, again and again");
    return;
  }
  // What it submitted belongs to the execution that ended: the claim goes back with it, and the next one is another.
  commit_queue_.make_due(task->submit);
  task->asked = true;
  task->place = Place::kEnded;
  push(now, control::op::Relinquish{task->run.id, task->run.claim}, task, true);
}

void Brain::Impl::executor_exited(Time now, ExecutorId id, const Exit& exit) {
  const auto found = executors_.find(id);
  if (found == executors_.end()) return;
  Executor executor = std::move(found->second);
  executors_.erase(found);
  ahead_.erase(id);
  if (const auto idle = idle_.find(executor.program); idle != idle_.end()) {
    auto& ids = idle->second;
    ids.erase(std::remove(ids.begin(), ids.end(), id), ids.end());
  }
  drop_awaits(now, Waiter{0, id});
  for (Frame& frame : executor.frames) release_frame(executor, frame);

  const auto charge = [&](const TaskPtr& task) {
    if (task->place != Place::kHanded) return;  // cancelled: its end is known
    claims_.erase(task->run.claim);
    if (executor.killed && executor.kill_outcome) {
      finish(now, task, executor.kill_outcome, false);
    } else {
      finish(now, task, std::make_shared<control::Outcome>(exit.crash), false);
    }
  };
  for (std::size_t depth = 0; depth < executor.frames.size(); ++depth) {
    const TaskPtr& task = executor.frames[depth].task;
    if (depth + 1 == executor.frames.size()) {
      if (executor.killed && !executor.kill_outcome && task->place == Place::kHanded) {
        interrupted(now, task);  // it stood under what was cancelled
      } else {
        charge(task);
      }
    } else {
      interrupted(now, task);
    }
  }
  for (auto task = executor.queued.rbegin(); task != executor.queued.rend(); ++task) {
    if ((*task)->place != Place::kHanded) continue;
    const bool taken = std::find(exit.taken.begin(), exit.taken.end(), (*task)->slot) != exit.taken.end();
    if (taken && !executor.killed) {
      charge(*task);
    } else {
      claims_.erase((*task)->run.claim);
      enter_backlog(now, *task, true);
    }
  }
}

void Brain::Impl::program_failed(Time now, const std::string& program, const control::Outcome& failure) {
  const auto outcome = std::make_shared<control::Outcome>(failure);
  std::vector<TaskPtr> failed;
  for (auto entry = executors_.begin(); entry != executors_.end();) {
    Executor& executor = entry->second;
    if (executor.program != program || executor.started) {
      ++entry;
      continue;
    }
    for (Frame& frame : executor.frames) {
      release_frame(executor, frame);
      failed.push_back(frame.task);
    }
    failed.insert(failed.end(), executor.queued.begin(), executor.queued.end());
    ahead_.erase(executor.id);
    entry = executors_.erase(entry);
  }
  for (auto& [key, lane] : lanes_) {
    if (lane.program != program) continue;
    for (const TaskPtr& task : lane.waiting) {
      if (task->place != Place::kBacklog) continue;
      leave_backlog(*task);
      task->place = Place::kHanded;
      failed.push_back(task);
    }
    lane.waiting.clear();
  }
  for (const TaskPtr& task : failed) {
    if (task->place != Place::kHanded) continue;
    claims_.erase(task->run.claim);
    finish(now, task, outcome, false);
  }
}

void Brain::Impl::cancel_local(Time now, control::FutureId id, control::Claim claim) {
  const auto found = tasks_.find(id);
  if (found == tasks_.end() || found->second->run.claim != claim) return;
  const TaskPtr task = found->second;
  if (task->place == Place::kHanded) {
    Executor& executor = executors_.at(task->executor);
    const bool queued = std::find(executor.queued.begin(), executor.queued.end(), task) != executor.queued.end();
    task->place = Place::kDropped;
    if (queued) {
      act(action::Revoke{executor.id, task->slot, task->generation});
    } else {
      kill(executor, nullptr);  // a running function can't be stopped but with its process
    }
  }
  if (task->place == Place::kEnded) return;  // its own end is on the way: the store decides
  forget(task);
  resolve_again(now, id);
}

void Brain::Impl::reap_idle(Time now) {
  if (now < next_reap_) return;
  next_reap_ = now + 1'000'000'000;
  for (auto& [program, ids] : idle_) {
    const std::size_t keep = width(control::Resources{1000, 0, 0, {}});
    std::vector<ExecutorId> old;
    for (const ExecutorId id : ids) {
      if (ids.size() - old.size() <= keep) break;
      if (now - executors_.at(id).idle_since >= setup_.knobs.keep_idle_executor) old.push_back(id);
    }
    for (const ExecutorId id : old) kill(executors_.at(id), nullptr);
  }
  // Programs that no session here and no task needs.
  std::set<std::string> needed;
  for (const auto& [id, session] : sessions_) needed.insert(session.program);
  for (const auto& [id, task] : tasks_) needed.insert(task->run.spec->program);
  std::set<std::string> unneeded;
  for (auto& [id, executor] : executors_) {
    if (needed.count(executor.program) != 0 || executor.killed || !executor.frames.empty()) continue;
    if (now - executor.idle_since < setup_.knobs.keep_idle_executor) continue;
    unneeded.insert(executor.program);
    kill(executor, nullptr);
  }
  for (const std::string& program : unneeded) act(action::RetireProgram{program});
}

void Brain::executor_started(Time now, ExecutorId executor) {
  (void)now;
  if (const auto found = impl_->executors_.find(executor); found != impl_->executors_.end())
    found->second.started = true;
}
void Brain::executor_exited(Time now, ExecutorId executor, const Exit& exit) {
  impl_->executor_exited(now, executor, exit);
}
void Brain::program_failed(Time now, const std::string& program, const control::Outcome& failure) {
  impl_->program_failed(now, program, failure);
}
void Brain::task_done(Time now, ExecutorId executor, Done done) { impl_->task_done(now, executor, std::move(done)); }
void Brain::revoked(ExecutorId executor, std::uint32_t slot, std::uint32_t generation, bool taken_back) {
  impl_->revoked(executor, slot, generation, taken_back);
}

std::size_t Brain::executors() const { return impl_->executors_.size(); }

const std::string* Brain::task_name(ExecutorId executor) const {
  const auto found = impl_->executors_.find(executor);
  if (found == impl_->executors_.end() || found->second.frames.empty()) return nullptr;
  return &found->second.frames.back().task->run.spec->name;
}

control::SessionId Brain::task_session(ExecutorId executor) const {
  const auto found = impl_->executors_.find(executor);
  if (found == impl_->executors_.end() || found->second.frames.empty()) return 0;
  return found->second.frames.back().task->run.spec->session;
}

}  // namespace morrow::worker
