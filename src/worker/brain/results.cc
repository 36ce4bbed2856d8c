// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <variant>

#include "control/coverage_mark.h"
#include "control/faults.h"
#include "worker/brain/brain.h"
#include "worker/brain/worker_failure.h"

// What came of the operations of a round: each is answered by the store, which alone knows what is so. Then clients are
// told what is committed, in the order of their changes.
namespace morrow::worker {

namespace op = control::op;
using control::FailureKind;
using control::Verdict;
using Place = HeldTask::Place;

void Brain::round_done(Time now, control::RoundResult result) {
  advance(now);
  auto [items, round] = commits_.round.finish();
  if (result.fenced) return fence();
  MORROW_INVARIANT(result.results.size() == items.size() || !result.full.empty(),
                   "each operation of a round is answered", result.results.size(), items.size());
  if (!result.full.empty()) {
    std::vector<Item> rest(std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(result.results.size())),
                           std::make_move_iterator(items.end()));
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i].op = round->ops[result.results.size() + i];
    items.resize(result.results.size());
    refused_by_store(std::move(rest), round->room, std::move(result.full));
  } else if (commits_.shortage.on() && round->room == store::Room::kNew) {
    store_has_room();
  }
  counters_.commits += result.commits;
  counters_.conflicts += result.conflicts;
  counters_.committed.add(now_ - commits_.round.last_start());
  std::map<Waiter, std::uint64_t> acks;
  std::uint64_t* ack = nullptr;  // of the client whose item was the last: they come in runs
  const Waiter* acked = nullptr;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    // What came from an old attachment was dropped: the driver must keep it, and bring it to its new worker.
    const bool taken = result.results[i].verdict != Verdict::kStale;
    if (item.number != 0 && taken) {
      if (acked == nullptr || *acked != item.who) ack = &acks[item.who];
      acked = &item.who;
      *ack = std::max(*ack, item.number);
    }
    op_done(item, round->ops[i], result.results[i]);
  }
  for (const auto& [who, number] : acks) act(action::Ack{who, number});
  for (const control::FutureId id : result.checks) check(id);
  if (!result.freed.empty()) act(action::FreeObjects{std::move(result.freed)});
  if (!result.endings.empty()) act(action::EndScopes{std::move(result.endings)});
  if (result.indexed) {
    others_.index_claims.note_work();
    if (others_.view.note_indexed()) act(action::WakeIdle{static_cast<std::uint32_t>(items.size())});
  }
}

void Brain::op_done(const Item& item, const control::Op& change, const control::OpResult& result) {
  if (const auto* submit = std::get_if<op::Submit>(&change)) {
    submit_done(item.task, *submit, result);
  } else if (std::holds_alternative<op::End>(change) || std::holds_alternative<op::Relinquish>(change)) {
    end_done(item.task, change, result);
  } else if (const auto* await_op = std::get_if<op::Await>(&change)) {
    await_done(*await_op, result);
  } else if (const auto* check_op = std::get_if<op::Check>(&change)) {
    check_done(*check_op, result);
  } else if (const auto* lost = std::get_if<op::Lost>(&change)) {
    lost_done(*lost, result);
  } else if (std::holds_alternative<op::Drain>(change)) {
    drain_done(result);
  } else if (const auto* replica = std::get_if<op::AddReplica>(&change)) {
    if (result.verdict == Verdict::kAbsent) act(action::FreeObjects{{replica->number}});
  } else if (const auto* cancel = std::get_if<op::Cancel>(&change)) {
    const HeldTaskPtr& task = tasks_.find(cancel->id);
    const bool here = result.outcome && result.outcome->failure == FailureKind::kCancelled && task;
    if (here) cancel_local(cancel->id, task->run.claim);
  } else if (const auto* open = std::get_if<op::OpenSession>(&change)) {
    session_opened(*open, result);
  } else if (const auto* end = std::get_if<op::EndSession>(&change)) {
    session_ended(*end, result);
  }
}

void Brain::session_opened(const op::OpenSession& change, const control::OpResult& result) {
  const SessionState* session = sessions_.find(change.session, change.attachment);
  if (session == nullptr || session->client == 0) return;
  if (result.verdict == Verdict::kDone || result.verdict == Verdict::kAgain) {
    act(action::Welcome{session->client, change.attachment, result.applied});
    if (commits_.shortage.on()) tell_shortage(*session);
  } else {
    act(action::Refuse{session->client, result.verdict == Verdict::kStale
                                            ? "the session goes on by a later connection"
                                            : "the session has ended: its driver was away for longer than its grace"});
  }
}

/// Whose driver was given up may have come back meanwhile, by a later attachment: in time, or to be refused.
void Brain::session_ended(const op::EndSession& change, const control::OpResult& result) {
  if (result.verdict == Verdict::kStale) return;
  const bool given_up = change.origin.kind == control::Origin::Kind::kWorker;
  const SessionState* session =
      given_up ? sessions_.find(change.session, change.attachment) : sessions_.find(change.session);
  if (session == nullptr) return;
  if (session->client != 0) act(action::SessionEnded{session->client, change.session, change.origin.number});
  starting_.idle.note_over(session->program);
  sessions_.close(change.session);
  next_reap_ = 0;
}

void Brain::check(control::FutureId id) {
  if (!others_.looks.queue_check(id)) return;
  // Claimed here if it turns out ready; given back at once if there is no room by then.
  push(op::Check{id, leaves() ? 0 : random_.draw()}, nullptr, true);
}

void Brain::forget(const HeldTaskPtr& task) {
  if (task->place() == Place::kBacklog) {
    backlog_.leave(*task, Place::kDropped);
  } else {
    task->move_to(Place::kDropped);
  }
  tasks_.forget(task);
}

/// The task is not ours any more, so that only the store knows when the future ends.
void Brain::resolve_again(control::FutureId id) {
  AwaitedFuture* awaited = waiting_.awaits.find(id);
  if (awaited != nullptr) ask_store(id, *awaited);
}

void Brain::submit_done(const HeldTaskPtr& task, const op::Submit& change, const control::OpResult& result) {
  const control::FutureId id = task->run.id;
  waiting_.awaits.note_committed(id);
  const auto how = change.how;
  // What of a value goes nowhere: of a put that came too late, say.
  if (how == op::Submit::How::kEnded) free_unpublished(*task, result.outcome.get());
  const bool indexed = result.verdict == Verdict::kDone && how == op::Submit::How::kIndex;
  switch (indexed ? Verdict::kReady : result.verdict) {
    case Verdict::kDone:
    case Verdict::kFinished:
      if (how == op::Submit::How::kEnded || result.outcome) {
        const control::OutcomePtr outcome = result.outcome ? result.outcome : task->outcome;
        if (task->place() == Place::kHanded) cancel_local(id, task->run.claim);
        forget(task);
        if (!deliver(id, outcome)) waiting_.recent_outcomes.remember(id, outcome);
        return;
      }
      [[fallthrough]];
    case Verdict::kClaimed:
      task->committed = true;
      if (task->place() == Place::kStored) {
        if (result.runnable.spec) task->run = result.runnable;
        enter_backlog(task, false);
      }
      return;
    case Verdict::kReady:
      others_.index_claims.note_work();
      forget(task);
      resolve_again(id);
      return;
    case Verdict::kWaiting:
      forget(task);
      resolve_again(id);
      return;
    case Verdict::kStale:
    case Verdict::kAgain:
    case Verdict::kAbsent:
      cancel_local(id, task->run.claim);
      forget(task);
      resolve_again(id);
      return;
  }
}

void Brain::end_done(const HeldTaskPtr& task, const control::Op& change, const control::OpResult& result) {
  const control::FutureId id = task->run.id;
  waiting_.awaits.note_committed(id);
  free_unpublished(*task, result.outcome.get());
  switch (result.verdict) {
    case Verdict::kClaimed: {  // a retry, here
      if (const auto* end = std::get_if<op::End>(&change)) task->run.claim = end->next_claim;
      if (result.runnable.spec)
        task->run = result.runnable;
      else
        ++task->run.tries;
      task->outcome = nullptr;
      task->ends_apart = false;
      task->committed = true;
      wait_to_retry(task);
      return;
    }
    case Verdict::kDone:
    case Verdict::kFinished: {
      const control::OutcomePtr outcome = result.outcome ? result.outcome : task->outcome;
      forget(task);
      if (!outcome) return resolve_again(id);
      if (!deliver(id, outcome)) waiting_.recent_outcomes.remember(id, outcome);
      return;
    }
    case Verdict::kReady:
      others_.index_claims.note_work();
      [[fallthrough]];
    default:
      forget(task);
      resolve_again(id);
  }
}

control::OutcomePtr Brain::released_outcome() const {
  return make_failure(FailureKind::kReleased, "the future was released, or its scope has ended", nullptr,
                      setup_.info.name, 0);
}

void Brain::await_done(const op::Await& change, const control::OpResult& result) {
  AwaitedFuture* awaited = waiting_.awaits.find(change.id);
  if (awaited == nullptr) return;  // nobody waits any more; an Unawait stands behind it
  awaited->asked = false;
  if (result.verdict == Verdict::kFinished && result.outcome) {
    waiting_.recent_outcomes.remember(change.id, result.outcome);
    deliver(change.id, result.outcome);
    return;
  }
  if (result.verdict == Verdict::kAbsent) {
    // A driver that comes back asks behind the changes that it sends again: what an earlier connection of it asked may
    // stand before them.
    const HeldTaskPtr& task = tasks_.find(change.id);
    if (task && !task->committed && !control::planted(control::Fault::kOlderAnswer)) {
      control::coverage_mark<"a future was asked for before its submit, which came again">();
    } else if (awaited->asked_since && !control::planted(control::Fault::kOlderAnswer)) {
      control::coverage_mark<"an answer that nobody has the future was older than a question">();
      ask_store(change.id, *awaited);
    } else {
      deliver(change.id, released_outcome());
    }
    return;
  }
  awaited->registered = true;
  const auto waiters = awaited->waiters;
  for (const auto& [await, index] : waiters) {
    if (await->request.poll) {
      answer(await, index, nullptr, true);
      remove_waiter(change.id, await);
    } else if (await->blocks && at_cap() && !stands_on_top(*await)) {
      await->put_off = true;  // nobody here could run it: others may
    } else if (await->blocks) {
      others_.index_claims.want(change.id);
    }
  }
}

/// A task that the store says is claimed by this worker.
HeldTaskPtr Brain::hold(control::Runnable runnable) {
  auto task = std::make_shared<HeldTask>();
  task->run = std::move(runnable);
  task->arrived = now_;
  task->committed = true;
  // At the cap also what it depends on: nothing else would ever start it.
  task->wanted = waiting_.awaits.blocked_for(task->run.id) || waiting_.cap_relief.needer_of(task->run.id) != nullptr;
  tasks_.add(task);
  return task;
}

/// What a round claimed for this worker is run here, or relinquished at once when there is no room by now.
void Brain::claimed_by_round(const control::OpResult& result) {
  const HeldTaskPtr task = hold(result.runnable);
  const control::Spec& spec = *task->run.spec;
  if (!ledger_.fits_beside_kept(spec.requirements) || left_to_others(spec) || (!task->wanted && !room_for(spec, {}))) {
    task->move_to(Place::kEnded);
    return relinquish(task);
  }
  enter_backlog(task, false);
}

void Brain::lost_done(const op::Lost& change, const control::OpResult& result) {
  const control::FutureId id = change.value.future;
  if (result.verdict == Verdict::kAgain) {
    push(change, nullptr, true);
    return;
  }
  if (AwaitedFuture* awaited = waiting_.awaits.find(id)) awaited->asked = false;
  switch (result.verdict) {
    case Verdict::kClaimed:
      return claimed_by_round(result);
    case Verdict::kFinished:
      deliver(id, result.outcome);
      return;
    case Verdict::kAbsent:
      deliver(id, released_outcome());
      return;
    default:
      others_.index_claims.note_work();
      resolve_again(id);
  }
}

void Brain::check_done(const op::Check& change, const control::OpResult& result) {
  others_.looks.check_done(change.id);
  if (result.verdict == Verdict::kClaimed && result.runnable.spec) {
    claimed_by_round(result);
  } else if (result.verdict == Verdict::kFinished && result.outcome) {
    deliver(change.id, result.outcome);
  } else if (result.verdict == Verdict::kReady) {
    others_.index_claims.note_work();
  }
}

/// Frees the object of a task's value, unless that is what was published.
void Brain::free_unpublished(const HeldTask& task, const control::Outcome* published) {
  if (!task.outcome || !task.outcome->object) return;
  const std::uint64_t number = task.outcome->object.number;
  if (published == nullptr || published->object.number != number) act(action::FreeObjects{{number}});
}

void Brain::drain_done(const control::OpResult& result) {
  MORROW_INVARIANT(result.drained, "a drain is answered by what was in the inbox", result.verdict);
  const control::OpResult::Drained& drained = *result.drained;
  for (const auto& ended : drained.ended) deliver(ended.id, ended.outcome ? ended.outcome : released_outcome());
  for (const auto& [id, claim] : drained.cancelled) cancel_local(id, claim);
  if (!drained.freed.empty()) act(action::FreeObjects{drained.freed});
  for (const auto& [id, attachment] : drained.moved) {
    const SessionState* session = sessions_.find(id, attachment);
    if (session == nullptr) continue;
    if (session->client != 0) act(action::Refuse{session->client, "the session has moved to another worker"});
    sessions_.close(id);
  }
  if (drained.more) drain_inbox();
}

}  // namespace morrow::worker
