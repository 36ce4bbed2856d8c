// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <variant>

#include "worker/brain/impl.h"
#include "worker/brain/worker_failure.h"

// What came of the operations of a round.
namespace morrow::worker {

namespace op = control::op;
using control::FailureKind;
using control::Verdict;
using Place = Task::Place;

void Brain::Impl::check(Time now, control::FutureId id) {
  if (!checking_.insert(id).second) return;
  // Claimed here if it turns out ready; given back at once if there is no room by then.
  push(now, op::Check{id, stopping_ ? 0 : draw()}, nullptr, true);
}

void Brain::Impl::forget(const TaskPtr& task) {
  claims_.erase(task->run.claim);
  if (task->place == Place::kBacklog) leave_backlog(*task);
  task->place = Place::kDropped;
  const auto found = tasks_.find(task->run.id);
  if (found != tasks_.end() && found->second == task) tasks_.erase(found);
}

void Brain::Impl::resolve_again(Time now, control::FutureId id) {
  const auto found = awaited_.find(id);
  if (found == awaited_.end() || found->second.asked) return;
  found->second.asked = true;
  push(now, op::Await{id}, nullptr, true);
}

void Brain::Impl::submit_done(Time now, const Item& item, const op::Submit& change, const control::OpResult& result) {
  const TaskPtr& task = item.task;
  const control::FutureId id = task->run.id;
  resuming_.erase(id);
  const auto how = change.how;
  // What of a value goes nowhere: of a put that came too late, say.
  if (how == op::Submit::How::kEnded) free_unpublished(*task, result.outcome.get());
  const bool indexed = result.verdict == Verdict::kDone && how == op::Submit::How::kIndex;
  switch (indexed ? Verdict::kReady : result.verdict) {
    case Verdict::kDone:
    case Verdict::kFinished:
      if (how == op::Submit::How::kEnded || result.outcome) {
        const control::OutcomePtr outcome = result.outcome ? result.outcome : task->outcome;
        const bool running = task->place == Place::kHanded;
        if (running) cancel_local(now, id, task->run.claim);
        forget(task);
        if (!deliver(now, id, outcome)) recent_outcomes_.remember(id, outcome);
        return;
      }
      [[fallthrough]];
    case Verdict::kClaimed:
      task->committed = true;
      if (task->place == Place::kStored) {
        if (result.runnable.spec) task->run = result.runnable;
        enter_backlog(now, task, false);
      }
      return;
    case Verdict::kReady:
      index_maybe_ = true;
      forget(task);
      resolve_again(now, id);
      return;
    case Verdict::kWaiting:
      forget(task);
      resolve_again(now, id);
      return;
    case Verdict::kStale:
    case Verdict::kAgain:
    case Verdict::kAbsent:
      cancel_local(now, id, task->run.claim);
      forget(task);
      resolve_again(now, id);
      return;
  }
}

void Brain::Impl::end_done(Time now, const Item& item, const control::Op& change, const control::OpResult& result) {
  const TaskPtr& task = item.task;
  const control::FutureId id = task->run.id;
  resuming_.erase(id);
  free_unpublished(*task, result.outcome.get());
  switch (result.verdict) {
    case Verdict::kClaimed: {  // a retry, here
      if (const auto* end = std::get_if<op::End>(&change)) task->run.claim = end->next_claim;
      if (result.runnable.spec)
        task->run = result.runnable;
      else
        ++task->run.tries;
      task->outcome = nullptr;
      task->asked = false;
      task->committed = true;
      enter_backlog(now, task, false);
      return;
    }
    case Verdict::kDone:
    case Verdict::kFinished: {
      const control::OutcomePtr outcome = result.outcome ? result.outcome : task->outcome;
      forget(task);
      if (!outcome) return resolve_again(now, id);
      if (!deliver(now, id, outcome)) recent_outcomes_.remember(id, outcome);
      return;
    }
    case Verdict::kReady:
      index_maybe_ = true;
      forget(task);
      resolve_again(now, id);
      return;
    default:
      forget(task);
      resolve_again(now, id);
      return;
  }
}

control::OutcomePtr Brain::Impl::released() const {
  return make_failure(FailureKind::kReleased, "the future was released, or its scope has ended", nullptr,
                      setup_.info.name, 0);
}

void Brain::Impl::await_done(Time now, const op::Await& change, const control::OpResult& result) {
  const auto found = awaited_.find(change.id);
  if (found == awaited_.end()) {
    // Nobody waits any more; an Unawait stands behind it.
    return;
  }
  found->second.asked = false;
  if (result.verdict == Verdict::kFinished && result.outcome) {
    recent_outcomes_.remember(change.id, result.outcome);
    deliver(now, change.id, result.outcome);
    return;
  }
  if (result.verdict == Verdict::kAbsent) {
    deliver(now, change.id, released());
    return;
  }
  found->second.registered = true;
  const auto waiters = found->second.waiters;
  for (const auto& [state, index] : waiters) {
    if (state->request.poll) {
      answer(now, state, index, nullptr, true);
      remove_waiter(now, change.id, state);
    } else if (state->lends) {
      by_id_.insert(change.id);
    }
  }
}

/// A task that the store says is claimed by this worker.
TaskPtr Brain::Impl::hold(Time now, control::Runnable runnable) {
  auto task = std::make_shared<Task>();
  task->run = std::move(runnable);
  task->arrived = now;
  task->committed = true;
  // At the cap also what it depends on: nothing else would ever start it.
  task->wanted = stands_still_for(task->run.id) || dependents_of_wait_.contains(task->run.id);
  tasks_[task->run.id] = task;
  return task;
}

/// What a round claimed for this worker is run here, or given back at once when there is no room by now.
void Brain::Impl::claimed_by_round(Time now, const control::OpResult& result) {
  const TaskPtr task = hold(now, result.runnable);
  if (!ledger_.could_fit(task->run.spec->requirements) || (!task->wanted && !room_for(*task->run.spec))) {
    task->place = Place::kEnded;
    push(now, op::Relinquish{task->run.id, task->run.claim}, task, true);
    ++counters_.handed_back;
    return;
  }
  enter_backlog(now, task, false);
}

void Brain::Impl::lost_done(Time now, const op::Lost& change, const control::OpResult& result) {
  const control::FutureId id = change.value.future;
  if (result.verdict == Verdict::kAgain) {
    push(now, change, nullptr, true);
    return;
  }
  if (const auto found = awaited_.find(id); found != awaited_.end()) found->second.asked = false;
  switch (result.verdict) {
    case Verdict::kClaimed:
      return claimed_by_round(now, result);
    case Verdict::kFinished:
      deliver(now, id, result.outcome);
      return;
    case Verdict::kAbsent:
      deliver(now, id, released());
      return;
    default:
      index_maybe_ = true;
      resolve_again(now, id);
  }
}

void Brain::Impl::check_done(Time now, const op::Check& change, const control::OpResult& result) {
  checking_.erase(change.id);
  if (result.verdict == Verdict::kClaimed && result.runnable.spec) {
    claimed_by_round(now, result);
  } else if (result.verdict == Verdict::kFinished && result.outcome) {
    deliver(now, change.id, result.outcome);
  } else if (result.verdict == Verdict::kReady) {
    index_maybe_ = true;
  }
}

/// Frees the object of a task's value, unless that is what was published.
void Brain::Impl::free_unpublished(const Task& task, const control::Outcome* published) {
  if (!task.outcome || !task.outcome->object) return;
  const std::uint64_t number = task.outcome->object.number;
  if (published == nullptr || published->object.number != number) act(action::FreeObjects{{number}});
}

void Brain::object_copied(Time now, control::FutureId id, std::uint64_t object) {
  impl_->push(now, op::AddReplica{id, object}, nullptr, true);
}

void Brain::object_dropped(Time now, control::FutureId id) { impl_->push(now, op::DropReplica{id}, nullptr, true); }

void Brain::Impl::drain_done(Time now, const control::OpResult& result) {
  const control::OpResult::Drained& drained = *result.drained;
  for (const auto& ended : drained.ended) {
    if (ended.outcome) {
      deliver(now, ended.id, ended.outcome);
    } else {
      deliver(now, ended.id, released());
    }
  }
  for (const auto& [id, claim] : drained.cancelled) cancel_local(now, id, claim);
  if (!drained.freed.empty()) act(action::FreeObjects{drained.freed});
  for (const auto& [id, attachment] : drained.moved) {
    const auto session = sessions_.find(id);
    if (session == sessions_.end() || session->second.attachment != attachment) continue;
    if (session->second.client != 0)
      act(action::Refuse{session->second.client, "the session has moved to another worker"});
    clients_.erase(session->second.client);
    sessions_.erase(session);
  }
  if (drained.more && !drain_queued_) {
    drain_queued_ = true;
    push(now, op::Drain{}, nullptr, true);
  }
}

void Brain::checks_found(Time now, const std::vector<control::FutureId>& checks) {
  for (const control::FutureId id : checks) impl_->check(now, id);
}

}  // namespace morrow::worker
