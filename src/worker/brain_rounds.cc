#include <algorithm>
#include <utility>
#include <variant>

#include "control/faults.h"
#include "worker/brain_impl.h"
#include "worker/failures.h"

namespace morrow::worker {

namespace op = control::op;
using control::FailureKind;
using control::Verdict;
using Place = Task::Place;

namespace {

constexpr std::size_t kSmallOpBytes = 120;

}  // namespace

Gather::Position Brain::Impl::push(Time now, control::Op change, TaskPtr task, bool due, const Waiter& who,
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
  return gather_.push(std::move(item), due);
}

bool Brain::Impl::retryable(const Task& task, const control::Outcome& outcome) const {
  if (outcome.ok() || task.run.tries >= task.run.spec->max_retries) return false;
  return outcome.failure == FailureKind::kCrash ||
         (outcome.failure == FailureKind::kException && task.run.spec->retry_exceptions);
}

void Brain::Impl::finish(Time now, const TaskPtr& task, control::OutcomePtr outcome, bool may_hold_futures) {
  task->place = Place::kEnded;
  task->outcome = std::move(outcome);
  task->may_hold_futures = may_hold_futures;
  if (stands_still_for(task->run.id)) resuming_[task->run.id] = now;
  const bool again = retryable(*task, *task->outcome);
  if (!task->committed && gather_.holds(task->submit)) {
    gather_.make_due(task->submit);
    // Written once, as ended. What it submitted itself stands behind it and is fenced by its claim, so then its end
    // comes apart.
    if (!task->asked && !again) return;
  }
  op::End end;
  end.id = task->run.id;
  end.claim = task->run.claim;
  end.outcome = task->outcome;
  end.may_hold_futures = may_hold_futures;
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
      if (task.asked) {
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
      const bool here = !task.run.spec->dependencies.empty() && !stopping_ &&
                        ledger_.could_fit(task.run.spec->requirements) && room_for(*task.run.spec);
      submit->how = here ? op::Submit::How::kClaim : op::Submit::How::kIndex;
      break;
    }
  }
  return true;
}

void Brain::Impl::build_round(Time now) {
  if (round_in_flight_ || fenced_ || !gather_.has_due()) return;
  in_flight_ = gather_.take(setup_.knobs.max_round_ops, setup_.knobs.max_round_bytes);
  control::Round round;
  round.epoch = setup_.epoch;
  round.ops.reserve(in_flight_.size());
  for (Item& item : in_flight_) {
    prepare(item);
    round.ops.push_back(std::move(item.op));
  }
  round_in_flight_ = true;
  last_round_ = now;
  ++counters_.rounds;
  // The ids are needed when it is done; the operations live in the round, which comes back by its results alone.
  for (std::size_t i = 0; i < in_flight_.size(); ++i)
    in_flight_[i].op = std::visit(
        [](const auto& change) -> control::Op {
          using O = std::decay_t<decltype(change)>;
          if constexpr (std::is_same_v<O, op::Submit>) {
            op::Submit kept;
            kept.id = change.id;
            kept.how = change.how;
            return kept;
          } else {
            return change;
          }
        },
        round.ops[i]);
  act(action::CommitRound{std::move(round)});
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
  std::map<Waiter, std::uint64_t> acks;
  for (std::size_t i = 0; i < items.size() && i < result.results.size(); ++i) {
    const Item& item = items[i];
    const control::OpResult& got = result.results[i];
    // What came from an old attachment was dropped: the driver must keep it, and bring it to its new worker.
    const bool taken = got.verdict != Verdict::kStale || control::planted(control::Fault::kStaleAcked);
    if (item.number != 0 && taken) acks[item.who] = std::max(acks[item.who], item.number);
    if (std::holds_alternative<op::Submit>(item.op)) {
      submit_done(now, item, got);
    } else if (std::holds_alternative<op::End>(item.op) || std::holds_alternative<op::Relinquish>(item.op)) {
      end_done(now, item, got);
    } else if (const auto* await_op = std::get_if<op::Await>(&item.op)) {
      await_done(now, *await_op, got);
    } else if (const auto* check_op = std::get_if<op::Check>(&item.op)) {
      check_done(now, *check_op, got);
    } else if (std::holds_alternative<op::Drain>(item.op)) {
      drain_done(now, got);
    } else if (const auto* cancel = std::get_if<op::Cancel>(&item.op)) {
      const auto task = tasks_.find(cancel->id);
      const bool here = got.outcome && got.outcome->failure == FailureKind::kCancelled && task != tasks_.end();
      if (here) cancel_local(now, cancel->id, task->second->run.claim);
    } else if (const auto* open = std::get_if<op::OpenSession>(&item.op)) {
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
    } else if (const auto* end = std::get_if<op::EndSession>(&item.op)) {
      const auto session = sessions_.find(end->session);
      if (session == sessions_.end()) continue;
      if (session->second.client != 0) act(action::SessionEnded{session->second.client, end->session});
      clients_.erase(session->second.client);
      sessions_.erase(session);
    }
  }
  for (const auto& [who, number] : acks) act(action::Ack{who, number});
  for (const control::FutureId id : result.checks) check(now, id);
  if (!result.endings.empty()) act(action::EndScopes{std::move(result.endings)});
  if (result.indexed) {
    index_maybe_ = true;
    if (workers_.size() > 1) act(action::WakeIdle{static_cast<std::uint32_t>(items.size())});
  }
}

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

void Brain::Impl::submit_done(Time now, const Item& item, const control::OpResult& result) {
  const TaskPtr& task = item.task;
  const control::FutureId id = task->run.id;
  resuming_.erase(id);
  const auto how = std::get<op::Submit>(item.op).how;
  const bool indexed = result.verdict == Verdict::kDone && how == op::Submit::How::kIndex;
  switch (indexed ? Verdict::kReady : result.verdict) {
    case Verdict::kDone:
    case Verdict::kFinished:
      if (how == op::Submit::How::kEnded || result.outcome) {
        const control::OutcomePtr outcome = result.outcome ? result.outcome : task->outcome;
        const bool running = task->place == Place::kHanded;
        if (running) cancel_local(now, id, task->run.claim);
        forget(task);
        remember(id, outcome);
        deliver(now, id, outcome);
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

void Brain::Impl::end_done(Time now, const Item& item, const control::OpResult& result) {
  const TaskPtr& task = item.task;
  const control::FutureId id = task->run.id;
  resuming_.erase(id);
  switch (result.verdict) {
    case Verdict::kClaimed: {  // a retry, here
      task->run.claim =
          std::holds_alternative<op::End>(item.op) ? std::get<op::End>(item.op).next_claim : task->run.claim;
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
      remember(id, outcome);
      deliver(now, id, outcome);
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

void Brain::Impl::await_done(Time now, const op::Await& change, const control::OpResult& result) {
  const auto found = awaited_.find(change.id);
  if (found == awaited_.end()) {
    // Nobody waits any more; an Unawait stands behind it.
    return;
  }
  found->second.asked = false;
  if (result.verdict == Verdict::kFinished && result.outcome) {
    remember(change.id, result.outcome);
    deliver(now, change.id, result.outcome);
    return;
  }
  if (result.verdict == Verdict::kAbsent) {
    deliver(now, change.id,
            make_failure(FailureKind::kReleased, "the future was released, or its scope has ended", nullptr,
                         setup_.info.name, 0));
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

void Brain::Impl::check_done(Time now, const op::Check& change, const control::OpResult& result) {
  checking_.erase(change.id);
  if (result.verdict == Verdict::kClaimed && result.runnable.spec) {
    const TaskPtr task = hold(now, result.runnable);
    if (!ledger_.could_fit(task->run.spec->requirements) || (!task->wanted && !room_for(*task->run.spec))) {
      task->place = Place::kEnded;
      push(now, op::Relinquish{change.id, task->run.claim}, task, true);
      ++counters_.handed_back;
      return;
    }
    enter_backlog(now, task, false);
  } else if (result.verdict == Verdict::kFinished && result.outcome) {
    deliver(now, change.id, result.outcome);
  } else if (result.verdict == Verdict::kReady) {
    index_maybe_ = true;
  }
}

void Brain::Impl::drain_done(Time now, const control::OpResult& result) {
  for (const auto& ended : result.ended) {
    if (ended.outcome) {
      deliver(now, ended.id, ended.outcome);
    } else {
      deliver(now, ended.id,
              make_failure(FailureKind::kReleased, "the future was released, or its scope has ended", nullptr,
                           setup_.info.name, 0));
    }
  }
  for (const auto& [id, claim] : result.cancelled) cancel_local(now, id, claim);
  for (const auto& [id, attachment] : result.moved) {
    const auto session = sessions_.find(id);
    if (session == sessions_.end() || session->second.attachment != attachment) continue;
    if (session->second.client != 0)
      act(action::Refuse{session->second.client, "the session has moved to another worker"});
    clients_.erase(session->second.client);
    sessions_.erase(session);
  }
  if (result.more && !drain_queued_) {
    drain_queued_ = true;
    push(now, op::Drain{}, nullptr, true);
  }
}

// ---- claims from the index ----

void Brain::Impl::want_claim(Time now) {
  if (claim_in_flight_ || stopping_ || fenced_) return;
  // A look sees only what fits what is free at that moment: when something was in use, what is given back is worth
  // another.
  if (index_rest_ && given_back_) index_maybe_ = true;
  if (!index_maybe_ && by_id_.empty()) return;
  control::ClaimRequest request;
  request.epoch = setup_.epoch;
  request.random = draw();
  for (const control::FutureId id : by_id_) {
    if (request.by_id.size() >= 100) break;
    request.by_id.push_back(id);
  }
  for (const control::FutureId id : request.by_id) by_id_.erase(id);
  const bool room = index_maybe_ && !at_cap() && backlog_ == 0;
  if (room) {
    request.free = ledger_.free();
    request.limit = 64;
    // Ahead of the free slots only as much as is done soon, by what the last tasks took.
    const Time usual =
        estimates_.empty() ? setup_.knobs.hand_ahead : std::max<Time>(estimates_.begin()->second.ran, 1'000);
    request.ahead = static_cast<std::uint32_t>(std::min<Time>(setup_.knobs.hand_ahead / usual, 512));
    if (now >= next_fair_claim_) {
      // Now and then one that may not fit what is free at this moment: else small tasks starve a large one in the index
      // for ever.
      next_fair_claim_ = now + setup_.knobs.starving_after;
      request.free = ledger_.total();
      request.limit = 1;
      request.ahead = 0;
    }
  }
  if (!room && request.by_id.empty()) return;
  request.claims.resize(request.limit + request.ahead + request.by_id.size());
  for (control::Claim& claim : request.claims) claim = draw();
  if (room) {
    // From here on: what comes into the index while the claim is under way is worth another look.
    index_maybe_ = false;
    index_rest_ = request.free != ledger_.total();
    given_back_ = false;
  }
  claim_in_flight_ = true;
  act(action::ClaimWork{std::move(request)});
}

void Brain::Impl::claim_done(Time now, control::ClaimResult result) {
  claim_in_flight_ = false;
  if (result.fenced) {
    fenced_ = true;
    act(action::Fenced{});
    return;
  }
  index_maybe_ |= result.more;
  index_rest_ |= !result.taken.empty();
  counters_.claimed += result.taken.size();
  for (control::Runnable& runnable : result.taken) {
    const TaskPtr task = hold(now, std::move(runnable));
    enter_backlog(now, task, false);
  }
}

// ---- outcomes kept for those who ask soon ----

void Brain::Impl::remember(control::FutureId id, const control::OutcomePtr& outcome) {
  if (!recent_.emplace(id, outcome).second) return;
  const std::size_t bytes = outcome->bytes.size() + 200;
  recent_order_.emplace_back(id, bytes);
  recent_bytes_ += bytes;
  while (recent_bytes_ > setup_.knobs.recent_bytes && !recent_order_.empty()) {
    recent_.erase(recent_order_.front().first);
    recent_bytes_ -= recent_order_.front().second;
    recent_order_.pop_front();
  }
}

control::OutcomePtr Brain::Impl::recall(control::FutureId id) const {
  const auto found = recent_.find(id);
  return found == recent_.end() ? nullptr : found->second;
}

void Brain::Impl::unremember(control::FutureId id) { recent_.erase(id); }

void Brain::round_done(Time now, control::RoundResult result) { impl_->round_done(now, std::move(result)); }
void Brain::claim_done(Time now, control::ClaimResult result) { impl_->claim_done(now, std::move(result)); }

void Brain::checks_found(Time now, const std::vector<control::FutureId>& checks) {
  for (const control::FutureId id : checks) impl_->check(now, id);
}

}  // namespace morrow::worker
