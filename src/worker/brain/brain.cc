// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/brain.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "worker/brain/impl.h"

namespace morrow::worker {

using Place = Task::Place;

Brain::Impl::Impl(Setup setup)
    : setup_(std::move(setup)),
      random_(setup_.seed),
      ledger_(setup_.info.total),
      devices_(static_cast<unsigned>(setup_.info.total.gpu_milli / 1000)),
      recent_outcomes_(setup_.knobs.recent_bytes) {}

std::uint64_t Brain::Impl::draw() {
  std::uint64_t drawn = 0;
  while (drawn == 0) drawn = random_();
  return drawn;
}

void Brain::Impl::deadlines(Time now) {
  commit_queue_.make_due_before(now >= setup_.knobs.linger ? now - setup_.knobs.linger : 0);
  while (!timeouts_.empty() && timeouts_.begin()->first <= now) {
    const auto [executor_id, claim] = timeouts_.begin()->second;
    timeouts_.erase(timeouts_.begin());
    Executor* executor = nullptr;
    const Frame* frame = frame_of(Waiter{0, executor_id}, claim, &executor);
    if (frame == nullptr || executor->killed) continue;
    const TaskPtr task = frame->task;
    if (task->place != Place::kHanded) continue;
    const double seconds = static_cast<double>(task->run.spec->timeout_ns) / 1e9;
    char limit[64];
    std::snprintf(limit, sizeof limit, "it ran longer than its timeout of %.3g s", seconds);
    fail_task(now, task, control::FailureKind::kTimeout, limit);
    claims_.erase(claim);
    kill(*executor, nullptr);
  }
  for (const ExecutorId id : std::vector<ExecutorId>(ahead_.begin(), ahead_.end())) {
    Executor& executor = executors_.at(id);
    if (executor.frames.empty()) continue;
    const Frame& running = executor.frames.front();
    const Time ran = now - running.running_since;
    // What it has done meanwhile may not have been read yet: look before what waits behind it is taken back.
    if (executor.collected != running.task->run.claim) {
      if (ran < setup_.knobs.collect_after) continue;
      executor.collected = running.task->run.claim;
      act(action::CollectResults{id});
    } else if (ran >= setup_.knobs.hand_ahead) {
      revoke_queued(now, executor);
    }
  }
  if (now - last_round_ >= setup_.knobs.heartbeat && !round_in_flight_ && !commit_queue_.has_due()) {
    control::WorkerInfo info = setup_.info;
    info.used = ledger_.used();
    info.executors = static_cast<std::uint32_t>(executors_.size());
    info.draining = stopping_;
    push(now, control::op::Publish{std::make_shared<const control::WorkerInfo>(std::move(info))}, nullptr, true);
  }
  if (setup_.knobs.poll != 0 && now >= next_poll_) {
    const bool first = next_poll_ == 0;
    next_poll_ = now + setup_.knobs.poll + random_() % (setup_.knobs.poll / 2 + 1);
    index_maybe_ = true;
    if (!first && !drain_queued_) {
      drain_queued_ = true;
      push(now, control::op::Drain{}, nullptr, true);
    }
  }
  reap_idle(now);
}

void Brain::Impl::step(Time now) {
  now_ = now;
  if (fenced_) return;
  deadlines(now);
  schedule(now);
  if (others_idle_ && backlog_ > 0 && !commit_queue_.empty()) commit_queue_.make_all_due();
  wait_for_earlier(now);
  build_round(now);
  const bool idle = !stopping_ && backlog_ == 0 && !index_maybe_ && ledger_.free().cpu_milli > 0;
  if (!idle) {
    idle_since_ = 0;
    if (is_idle_ && backlog_ > 0) {
      is_idle_ = false;
      act(action::SetIdle{false, {}});
    }
  } else if (idle_since_ == 0 || (is_idle_ && !ledger_.free().fits_in(registered_))) {
    // What is free now and was not when it registered would be looked for by nobody here.
    idle_since_ = now;
    is_idle_ = false;
  } else if (!is_idle_ && now - idle_since_ >= setup_.knobs.idle_after && workers_.size() > 1) {
    is_idle_ = true;
    registered_ = ledger_.free();
    act(action::SetIdle{true, registered_});
  }
}

Time Brain::Impl::next_deadline() const {
  Time next = last_round_ + setup_.knobs.heartbeat;
  const auto sooner = [&](Time time) { next = std::min(next, time); };
  if (const auto oldest = commit_queue_.oldest(); oldest && !round_in_flight_) sooner(*oldest + setup_.knobs.linger);
  if (commit_queue_.blocker() != nullptr && !round_in_flight_)
    sooner(commit_queue_.blocked_since() + setup_.knobs.wait_for_brief);
  if (!timeouts_.empty()) sooner(timeouts_.begin()->first);
  for (const auto& [state, since] : resume_) sooner(std::max(since + setup_.knobs.resume_after, now_ + 1'000'000));
  for (const ExecutorId id : ahead_) {
    const Executor& executor = executors_.at(id);
    const Frame& running = executor.frames.front();
    const bool collected = executor.collected == running.task->run.claim;
    const Time after = collected ? setup_.knobs.hand_ahead : setup_.knobs.collect_after;
    sooner(std::max(running.running_since + after, now_ + (collected ? 1'000'000 : 0)));
  }
  if (next_poll_ != 0) sooner(next_poll_);
  for (const auto& [id, since] : resuming_) sooner(std::max(since + setup_.knobs.keep_for_resuming, now_ + 1'000'000));
  if (idle_since_ != 0 && !is_idle_ && workers_.size() > 1) sooner(idle_since_ + setup_.knobs.idle_after);
  if (at_cap()) sooner(std::max(next_cap_look_, now_ + 1'000'000));
  return next;
}

bool Brain::Impl::expects_soon() const {
  if (round_in_flight_) return true;
  return std::any_of(executors_.begin(), executors_.end(), [this](const auto& entry) {
    const std::vector<Frame>& frames = entry.second.frames;
    return frames.size() == 1 && !frames.front().is_lent && is_brief(*frames.front().task->run.spec) &&
           now_ - frames.front().running_since < setup_.knobs.collect_after;
  });
}

void Brain::Impl::stop(Time now) {
  stopping_ = true;
  commit_queue_.make_all_due();
  // All that was not committed goes to the index when its submit is written; all that was goes back to it.
  for (auto& [id, task] : tasks_) {
    if (task->place == Place::kBacklog && task->committed) {
      leave_backlog(*task);
      task->place = Place::kEnded;
      push(now, control::op::Relinquish{id, task->run.claim}, task, true);
    } else if (task->place == Place::kHanded) {
      task->place = Place::kEnded;
      task->asked = true;
      push(now, control::op::Relinquish{id, task->run.claim}, task, true);
    }
  }
  for (auto& [id, executor] : executors_) kill(executor, nullptr);
}

bool Brain::Impl::drained() const {
  return stopping_ && !round_in_flight_ && !claim_in_flight_ && commit_queue_.empty() && tasks_.empty();
}

bool Brain::Impl::nobody_could_run(const control::Resources& need) const {
  if (ledger_.could_fit(need) || workers_.empty()) return false;
  return std::none_of(workers_.begin(), workers_.end(), [&](const control::WorkerSeen& worker) {
    return !worker.dying && need.fits_in(worker.info.total);
  });
}

std::string Brain::Impl::largest_worker() const {
  const control::WorkerSeen* largest = nullptr;
  for (const control::WorkerSeen& worker : workers_) {
    const auto size = [](const control::WorkerSeen& seen) {
      return std::pair(seen.info.total.cpu_milli, seen.info.total.memory);
    };
    if (!worker.dying && (largest == nullptr || size(worker) > size(*largest))) largest = &worker;
  }
  if (largest == nullptr) return "";
  return "; the largest, " + largest->info.name + ", has " + largest->info.total.text();
}

void Brain::Impl::tell_unschedulable(control::SessionId id, const control::Spec& spec) {
  const auto session = sessions_.find(id);
  if (session == sessions_.end()) return;
  if (!session->second.told_unschedulable.insert(spec.requirements.encode()).second) return;
  act(action::Notice{id, "task " + spec.name + " needs " + spec.requirements.text() +
                             ", and no worker of the cluster has that much" + largest_worker() +
                             "; it waits until one that has joins"});
}

void Brain::Impl::workers_seen(Time now, const std::vector<control::WorkerSeen>& workers) {
  (void)now;
  workers_ = workers;
  others_idle_ = std::any_of(workers.begin(), workers.end(), [&](const control::WorkerSeen& worker) {
    return worker.idle && !worker.dying && worker.info.incarnation != setup_.incarnation;
  });
}

Brain::Brain(Setup setup) : impl_(std::make_unique<Impl>(std::move(setup))) {}
Brain::~Brain() = default;

void Brain::step(Time now) { impl_->step(now); }
std::vector<Action> Brain::take_actions() { return std::exchange(impl_->actions_, {}); }
Time Brain::next_deadline() const { return impl_->next_deadline(); }
bool Brain::expects_soon() const { return impl_->expects_soon(); }
void Brain::stop(Time now) { impl_->stop(now); }
bool Brain::drained() const { return impl_->drained(); }

void Brain::signalled(Time now) {
  impl_->index_maybe_ = true;
  impl_->is_idle_ = false;  // who woke us took us off the list
  if (impl_->drain_queued_) return;
  impl_->drain_queued_ = true;
  impl_->push(now, control::op::Drain{}, nullptr, true);
}

void Brain::workers_seen(Time now, const std::vector<control::WorkerSeen>& workers) {
  impl_->workers_seen(now, workers);
}

void Brain::session_abandoned(Time now, control::SessionId session, std::uint64_t attachment) {
  control::op::EndSession end;
  end.session = session;
  end.attachment = attachment;
  impl_->push(now, end, nullptr, true);
}

void Brain::ready_dependencies_done(Time now, control::FutureId id, const std::vector<control::FutureId>& ready) {
  (void)now;
  const auto hint = impl_->dependents_of_wait_.find(id);
  for (const control::FutureId dependency : ready) {
    impl_->by_id_.insert(dependency);
    if (hint != impl_->dependents_of_wait_.end()) impl_->dependents_of_wait_[dependency] = hint->second;
  }
}

control::Resources Brain::used() const { return impl_->ledger_.used(); }
const Brain::Counters& Brain::counters() const { return impl_->counters_; }

}  // namespace morrow::worker
