// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/brain.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/shown.h"
#include "control/faults.h"

namespace morrow::worker {

using Place = HeldTask::Place;

namespace {

constexpr Time kSoonNs = 1'000'000;        // to look again at what could not be done yet: no sooner, or the loop spins
constexpr std::uint32_t kWakeAtOnce = 16;  // idle workers that came into sight together; later ones look themselves

}  // namespace

Brain::Brain(Setup setup)
    : setup_(std::move(setup)),
      random_(setup_.seed),
      ledger_(setup_.info.total),
      devices_(static_cast<unsigned>(setup_.info.total.gpu_micro / control::kOneMicro)),
      waiting_{.awaits = {},
               .cap_relief = {},
               .recent_outcomes = RecentOutcomes(setup_.knobs.recent_bytes),
               .long_waits = LongWaits(setup_.knobs.long_wait)},
      others_{.view = ClusterView(setup_.incarnation),
              .looks = {},
              .index_claims = IndexClaims(setup_.incarnation, setup_.knobs),
              .idle = IdleRegistration(setup_.knobs.idle_after)} {}

/// Ends what runs longer than its timeout.
void Brain::end_overdue() {
  while (const auto due = timeouts_.take_due(now_)) {
    const StackPosition position = executors_.find(due->executor, due->claim);
    if (position.task == nullptr || position.executor->killed) continue;
    const HeldTaskPtr task = position.task->task;
    if (task->place() != Place::kHanded) continue;
    const double seconds = static_cast<double>(task->run.spec->timeout_ns) / 1e9;
    char limit[64];
    std::snprintf(limit, sizeof limit, "it ran longer than its timeout of %.3g s", seconds);
    fail_task(task, control::FailureKind::kTimeout, limit);
    tasks_.end_claim(due->claim);
    kill(*position.executor, nullptr);
  }
}

/// Takes back what waits in the queue of an executor for longer than was expected.
void Brain::look_at_queues() {
  for (const ExecutorId id : executors_.with_queued()) {
    ExecutorState& executor = executors_.at(id);
    MORROW_INVARIANT(!executor.stack.empty(), "what is queued at an executor waits for a task that runs", id);
    const StackedTask& running = executor.stack.front();
    const Time ran = now_ - running.running_since;
    // What it has done meanwhile may not have been read yet: look before what waits behind it is taken back.
    if (executor.collected != running.task->run.claim) {
      if (ran < setup_.knobs.collect_after) continue;
      executor.collected = running.task->run.claim;
      act(action::CollectResults{id});
    } else if (ran >= setup_.knobs.hand_ahead) {
      revoke_queued(executor);
    }
  }
}

void Brain::publish_heartbeat() {
  const bool other = commits_.round.under_way() || (commits_.queue.has_due() && !commits_.shortage.on());
  const bool due = now_ - commits_.round.last_start() >= setup_.knobs.heartbeat && !other;
  if (due || starting_.programs.all_given_up() != starting_.told) push_heartbeat();
}

control::WorkerInfo Brain::info() const {
  control::WorkerInfo info = setup_.info;
  info.used = ledger_.used();
  info.executors = static_cast<std::uint32_t>(executors_.size());
  info.draining = leaves();
  info.tasks = tasks_.size();
  info.cannot_start = starting_.programs.all_given_up();
  return info;
}

void Brain::push_heartbeat() {
  auto own = std::make_shared<const control::WorkerInfo>(info());
  starting_.told = own->cannot_start;
  push(control::op::Publish{std::move(own)}, nullptr, true);
}

void Brain::poll() {
  if (setup_.knobs.poll == 0 || now_ < others_.looks.next_poll()) return;
  const bool first = others_.looks.next_poll() == 0;
  others_.looks.set_next_poll(now_ + setup_.knobs.poll + random_.up_to(setup_.knobs.poll / 2));
  others_.index_claims.note_work();
  if (!first) drain_inbox();
}

void Brain::drain_inbox() {
  if (others_.looks.queue_drain()) push(control::op::Drain{setup_.knobs.max_drained_items}, nullptr, true);
}

void Brain::register_idle() {
  const bool idle = !leaves() && backlog_.empty() && !others_.index_claims.may_hold_work() && ledger_.has_free_cpu();
  if (auto change = others_.idle.update(now_, idle, !backlog_.empty(), ledger_, others_.view.has_others())) {
    change->left = all_left_to_others();
    act(std::move(*change));
  }
}

void Brain::step(Time now) {
  advance(now);
  if (fenced_) return;
  commits_.queue.make_due_before(now_ >= setup_.knobs.linger ? now_ - setup_.knobs.linger : 0);
  end_overdue();
  look_at_queues();
  if (starting_.programs.begin_trials(now_)) others_.index_claims.note_work();
  while (const HeldTaskPtr task = starting_.paused.take_due(now_)) enter_backlog(task, false);
  publish_heartbeat();
  poll();
  reap_idle();
  look_at_long_waits();
  if (draining_ && !stopping_) relinquish_all_unstarted();
  schedule();
  if (others_.view.others_idle() && !backlog_.empty() && !commits_.queue.empty()) commits_.queue.make_all_due();
  wait_for_earlier();
  build_round();
  register_idle();
}

Time Brain::next_deadline() const {
  const Knobs& knobs = setup_.knobs;
  // The next heartbeat comes behind the round that is under way, however long that takes.
  Time next = (commits_.round.under_way() ? now_ : commits_.round.last_start()) + knobs.heartbeat;
  const auto sooner = [&](Time time) { next = std::min(next, time); };
  if (!commits_.round.under_way()) {
    if (commits_.shortage.on()) {
      sooner(commits_.shortage.next_look());
    } else {
      if (const auto oldest = commits_.queue.oldest()) sooner(*oldest + knobs.linger);
      if (commits_.queue.blocker() != nullptr) sooner(commits_.queue.blocked_since() + knobs.wait_for_brief);
    }
  }
  if (const auto timeout = timeouts_.next()) sooner(*timeout);
  if (const auto trial = starting_.programs.next_trial()) sooner(*trial);
  if (const auto retry = starting_.paused.next()) sooner(*retry);
  if (const auto since = first_resumable()) sooner(std::max(*since + knobs.resume_after, now_ + kSoonNs));
  for (const ExecutorId id : executors_.with_queued()) {
    const ExecutorState& executor = executors_.at(id);
    const StackedTask& running = executor.stack.front();
    const bool collected = executor.collected == running.task->run.claim;
    const Time after = collected ? knobs.hand_ahead : knobs.collect_after;
    sooner(std::max(running.running_since + after, now_ + (collected ? kSoonNs : 0)));
  }
  if (others_.looks.next_poll() != 0) sooner(others_.looks.next_poll());
  if (const auto since = waiting_.awaits.first_ended_within(now_, knobs.keep_for_resuming))
    sooner(std::max(*since + knobs.keep_for_resuming, now_ + kSoonNs));
  if (const auto idle = others_.idle.deadline(others_.view.has_others())) sooner(*idle);
  if (at_cap() && !waiting_.cap_relief.is_asking() && all_executors_blocked())
    sooner(std::max(waiting_.cap_relief.next_look(), now_ + kSoonNs));
  return next;
}

bool Brain::expects_soon() const {
  if (commits_.round.under_way()) return true;
  return std::any_of(executors_.begin(), executors_.end(), [this](const auto& entry) {
    const std::vector<StackedTask>& stack = entry.second.stack;
    return stack.size() == 1 && !stack.front().blocked && is_brief(*stack.front().task->run.spec) &&
           now_ - stack.front().running_since < setup_.knobs.collect_after;
  });
}

void Brain::stop(Time now) {
  advance(now);
  stopping_ = true;
  commits_.queue.make_all_due();
  // All that was not committed goes to the index when its submit is written; all that was goes back to it.
  for (const auto& [id, task] : tasks_) {
    if (task->place() == Place::kBacklog && task->committed) {
      backlog_.leave(*task, Place::kEnded);
      relinquish(task);
    } else if (task->place() == Place::kHanded) {
      if (task->run.spec->max_retries == 0) continue;  // the end of its process tells whether it began
      task->move_to(Place::kEnded);
      task->ends_apart = true;
      relinquish(task);
    } else if (task->place() == Place::kPaused) {
      task->move_to(Place::kEnded);
      relinquish(task);
    }
  }
  for (auto& [id, executor] : executors_) kill(executor, nullptr);
}

void Brain::drain(Time now) {
  advance(now);
  if (leaves()) return;
  draining_ = true;
  for (const auto& [id, task] : tasks_) {
    if (task->place() != Place::kPaused) continue;
    task->move_to(Place::kEnded);
    relinquish(task);
  }
  for (const auto& [id, executor] : executors_) revoke_queued(executor);
  push_heartbeat();  // others are to know it at once
}

bool Brain::ran_out() const {
  return draining_ && !others_.index_claims.under_way() &&
         std::all_of(executors_.begin(), executors_.end(),
                     [](const auto& entry) { return entry.second.stack.empty(); });
}

bool Brain::drained() const {
  return stopping_ && !commits_.round.under_way() && !others_.index_claims.under_way() && commits_.queue.empty() &&
         tasks_.empty();
}

/// Another worker evicted this one: nothing that it decides counts any more.
void Brain::fence() {
  fenced_ = true;
  act(action::Fenced{});
}

void Brain::tell_unschedulable(const control::Spec& spec) {
  SessionState* session = sessions_.find(spec.session);
  if (session == nullptr || !session->told_unschedulable.insert(spec.requirements.encode()).second) return;
  act(action::Notice{spec.session, "task " + base::shown_line(spec.name) + " needs " + spec.requirements.text() +
                                       ", and no worker of the cluster has that much" + others_.view.largest_worker() +
                                       "; it waits until one that has joins"});
}

std::vector<Action> Brain::take_actions() { return std::exchange(actions_, {}); }

void Brain::workers_seen(Time now, const std::vector<control::WorkerSeen>& workers) {
  advance(now);
  if (others_.view.update(workers) && !control::planted(control::Fault::kWokenInSight))
    act(action::WakeIdle{kWakeAtOnce});
  give_to_idle();
  if (!starting_.programs.empty())
    others_.index_claims.note_work();  // what was left to others may have to be taken now
}

void Brain::signalled(Time now) {
  advance(now);
  others_.index_claims.note_work();
  others_.idle.note_woken();
  drain_inbox();
}

void Brain::session_abandoned(Time now, control::SessionId session, std::uint64_t attachment) {
  advance(now);
  control::op::EndSession end;
  end.session = session;
  end.attachment = attachment;
  push(end, nullptr, true);
}

void Brain::ready_dependencies_done(Time now, control::FutureId id, const std::vector<control::FutureId>& ready) {
  advance(now);
  waiting_.cap_relief.note_answered();
  const CapRelief::Needer* known = waiting_.cap_relief.needer_of(id);
  const CapRelief::Needer needer = known != nullptr ? *known : CapRelief::Needer{};
  for (const control::FutureId dependency : ready) {
    others_.index_claims.want(dependency);
    if (known != nullptr) waiting_.cap_relief.note_need(dependency, needer);
  }
}

void Brain::object_copied(Time now, control::FutureId id, std::uint64_t object) {
  advance(now);
  push(control::op::AddReplica{id, object}, nullptr, true);
}

void Brain::interrupt(Time now, ExecutorId executor) {
  advance(now);
  if (ExecutorState* const found = executors_.find(executor)) kill(*found, nullptr);
}

void Brain::object_dropped(Time now, control::FutureId id) {
  advance(now);
  push(control::op::DropReplica{id}, nullptr, true);
}

void Brain::checks_found(Time now, const std::vector<control::FutureId>& checks) {
  advance(now);
  for (const control::FutureId id : checks) check(id);
}

control::Resources Brain::used() const { return ledger_.used(); }
std::size_t Brain::executors() const { return executors_.size(); }

const control::Runnable* Brain::running(ExecutorId id) const {
  const ExecutorState* executor = executors_.find(id);
  if (executor == nullptr || executor->stack.empty()) return nullptr;
  return &executor->stack.back().task->run;
}

}  // namespace morrow::worker
