// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <variant>

#include "control/faults.h"
#include "worker/brain/impl.h"
#include "worker/brain/worker_failure.h"

namespace morrow::worker {

namespace op = control::op;
using control::FailureKind;
using control::Verdict;
using Place = Task::Place;

namespace {

constexpr std::size_t kSmallOpBytes = 120;

}  // namespace

CommitQueue::Position Brain::Impl::push(Time now, control::Op change, TaskPtr task, bool due, const Waiter& who,
                                        std::uint64_t number) {
  Item item;
  item.bytes = kSmallOpBytes;
  if (const auto* submit = std::get_if<op::Submit>(&change)) {
    item.bytes += submit->spec->payload.size() + 60 * submit->spec->dependencies.size();
  } else if (const auto* end = std::get_if<op::End>(&change)) {
    item.bytes += end->outcome->bytes.size();
  }
  item.op = std::move(change);
  item.task = std::move(task);
  item.who = who;
  item.number = number;
  item.arrived = now;
  item.settled = due || item.task == nullptr || item.task->committed;
  return commit_queue_.push(std::move(item), due);
}

bool Brain::Impl::is_brief(const control::Spec& spec) const {
  const auto known = estimates_.find(spec.function_key);
  return known != estimates_.end() && !known->second.waits && known->second.ran < setup_.knobs.brief;
}

/// What has ended waits for brief tasks that were submitted before it and run in other processes, but not for others.
void Brain::Impl::wait_for_earlier(Time now) {
  const Item* blocker = commit_queue_.blocker();
  if (blocker == nullptr) return;
  const Task& task = *blocker->task;
  const bool ends_soon = task.place == Place::kHanded && !task.asked && is_brief(*task.run.spec);
  if (!ends_soon || now - commit_queue_.blocked_since() >= setup_.knobs.wait_for_brief) commit_queue_.unblock();
}

void Brain::Impl::finish(Time now, const TaskPtr& task, control::OutcomePtr outcome, bool may_hold_futures) {
  task->place = Place::kEnded;
  task->outcome = std::move(outcome);
  task->may_hold_futures = may_hold_futures;
  if (stands_still_for(task->run.id)) resuming_[task->run.id] = now;
  const bool again = task->lost.object == 0 && control::retried(*task->outcome, *task->run.spec, task->run.tries + 1);
  if (!task->committed && commit_queue_.holds(task->submit)) {
    // Written once, as ended. What it submitted itself stands behind it and is fenced by its claim, so then its end
    // comes apart.
    const bool alone = (!task->asked && task->lost.object == 0) || control::planted(control::Fault::kEndedOverChildren);
    if (alone && !again) return commit_queue_.make_ended(now, task->submit);
    commit_queue_.make_due(task->submit);
  }
  op::End end;
  end.id = task->run.id;
  end.claim = task->run.claim;
  end.outcome = task->outcome;
  end.may_hold_futures = may_hold_futures;
  end.lost = task->lost;
  if (again && !stopping_) end.next_claim = draw();
  task->asked = true;  // its submit, if it still waits, must not write the end too
  push(now, std::move(end), task, true);
}

/// Completes the operation of an item that is about to be committed. False: it is not needed any more.
bool Brain::Impl::prepare(Item& item) {
  auto* submit = std::get_if<op::Submit>(&item.op);
  if (submit == nullptr) {
    if (std::holds_alternative<op::Drain>(item.op)) drain_queued_ = false;
    return true;
  }
  Task& task = *item.task;
  submit->claim = task.run.claim;
  switch (task.place) {
    case Place::kEnded:
      if (task.asked && !control::planted(control::Fault::kEndedOverChildren)) {
        submit->how = op::Submit::How::kClaim;
      } else {
        submit->how = op::Submit::How::kEnded;
        submit->outcome = task.outcome;
        submit->may_hold_futures = task.may_hold_futures;
        ++counters_.ran_ahead;
      }
      break;
    case Place::kHanded:
      submit->how = op::Submit::How::kClaim;
      break;
    case Place::kBacklog:
      // What stands still behind the cap, or what idle workers could start now, is better off in the index.
      if (!task.wanted && (others_idle_ || stopping_ || at_cap() ||
                           backlog_time_ / width(task.run.spec->requirements) > setup_.knobs.hand_ahead)) {
        submit->how = op::Submit::How::kIndex;
        leave_backlog(task);
        task.place = Place::kStored;
        task.run.claim = 0;
      } else {
        submit->how = op::Submit::How::kClaim;
      }
      break;
    case Place::kStored:
    case Place::kDropped: {
      const control::Spec& spec = *task.run.spec;
      const bool here =
          !spec.dependencies.empty() && !stopping_ && ledger_.could_fit(spec.requirements) && room_for(spec, promised_);
      submit->how = here ? op::Submit::How::kClaim : op::Submit::How::kIndex;
      if (here) promised_.add(spec.requirements, estimate(spec));
      break;
    }
  }
  return true;
}

void Brain::Impl::build_round(Time now) {
  if (round_in_flight_ || fenced_ || !commit_queue_.has_due()) return;
  in_flight_ = commit_queue_.take(setup_.knobs.max_round_ops, setup_.knobs.max_round_bytes);
  const auto round = std::make_shared<control::Round>();
  round->incarnation = setup_.incarnation;
  round->ops.reserve(in_flight_.size());
  promised_ = {};
  for (Item& item : in_flight_) {
    prepare(item);
    round->ops.push_back(std::move(item.op));
  }
  round_in_flight_ = true;
  last_round_ = now;
  ++counters_.rounds;
  round_ = round;
  act(action::CommitRound{round});
}

void Brain::Impl::round_done(Time now, control::RoundResult result) {
  round_in_flight_ = false;
  if (result.fenced) {
    fenced_ = true;
    act(action::Fenced{});
    return;
  }
  counters_.records += result.records;
  counters_.commits += result.commits;
  const auto items = std::exchange(in_flight_, {});
  const auto round = std::exchange(round_, nullptr);
  std::map<Waiter, std::uint64_t> acks;
  std::uint64_t* ack = nullptr;  // of the client whose item was the last: they come in runs
  const Waiter* acked = nullptr;
  for (std::size_t i = 0; i < items.size() && i < result.results.size(); ++i) {
    const Item& item = items[i];
    const control::Op& change = round->ops[i];
    const control::OpResult& got = result.results[i];
    // What came from an old attachment was dropped: the driver must keep it, and bring it to its new worker.
    const bool taken = got.verdict != Verdict::kStale;
    if (item.number != 0 && taken) {
      if (acked == nullptr || *acked != item.who) ack = &acks[item.who];
      acked = &item.who;
      *ack = std::max(*ack, item.number);
    }
    if (const auto* submit = std::get_if<op::Submit>(&change)) {
      submit_done(now, item, *submit, got);
    } else if (std::holds_alternative<op::End>(change) || std::holds_alternative<op::Relinquish>(change)) {
      end_done(now, item, change, got);
    } else if (const auto* await_op = std::get_if<op::Await>(&change)) {
      await_done(now, *await_op, got);
    } else if (const auto* check_op = std::get_if<op::Check>(&change)) {
      check_done(now, *check_op, got);
    } else if (const auto* lost = std::get_if<op::Lost>(&change)) {
      lost_done(now, *lost, got);
    } else if (std::holds_alternative<op::Drain>(change)) {
      drain_done(now, got);
    } else if (const auto* hold = std::get_if<op::AddReplica>(&change)) {
      if (got.verdict == Verdict::kAbsent) act(action::FreeObjects{{hold->number}});
    } else if (const auto* cancel = std::get_if<op::Cancel>(&change)) {
      const auto task = tasks_.find(cancel->id);
      const bool here = got.outcome && got.outcome->failure == FailureKind::kCancelled && task != tasks_.end();
      if (here) cancel_local(now, cancel->id, task->second->run.claim);
    } else if (const auto* open = std::get_if<op::OpenSession>(&change)) {
      const auto session = sessions_.find(open->session);
      if (session == sessions_.end() || session->second.attachment != open->attachment || session->second.client == 0)
        continue;
      if (got.verdict == Verdict::kDone || got.verdict == Verdict::kAgain) {
        act(action::Welcome{session->second.client, open->attachment, got.applied});
      } else {
        act(action::Refuse{session->second.client,
                           got.verdict == Verdict::kStale
                               ? "the session goes on by a later connection"
                               : "the session has ended: its driver was away for longer than its grace"});
      }
    } else if (const auto* end = std::get_if<op::EndSession>(&change)) {
      const auto session = sessions_.find(end->session);
      if (session == sessions_.end()) continue;
      if (session->second.client != 0) act(action::SessionEnded{session->second.client, end->session});
      clients_.erase(session->second.client);
      sessions_.erase(session);
    }
  }
  for (const auto& [who, number] : acks) act(action::Ack{who, number});
  for (const control::FutureId id : result.checks) check(now, id);
  if (!result.freed.empty()) act(action::FreeObjects{std::move(result.freed)});
  if (!result.endings.empty()) act(action::EndScopes{std::move(result.endings)});
  if (result.indexed) {
    index_maybe_ = true;
    if (workers_.size() > 1) act(action::WakeIdle{static_cast<std::uint32_t>(items.size())});
  }
}

void Brain::round_done(Time now, control::RoundResult result) { impl_->round_done(now, std::move(result)); }

}  // namespace morrow::worker
