// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <variant>

#include "base/must.h"
#include "control/faults.h"
#include "worker/brain/brain.h"
#include "worker/brain/worker_failure.h"

// All that this worker changes in the store goes there in rounds: one transaction, one at a time, of the operations
// that are due (commit_queue.cc says which). The way of a submit shows what is hard about it.
//
// It comes, and its task may run at once, ahead of the commit. When its round is built, the task is where it is by
// then, and `prepare_submit` writes down just that: it has ended, and the value goes along (`kEnded`: one write for a
// whole future); an executor has it, or it waits here and is run here soon (`kClaim`); it is better run elsewhere
// (`kIndex`). So a submit is written once, by what is known at the last moment; it is decided here and nowhere else,
// and from then on the task's end is an operation of its own (`finish`).
//
// A task that has submitted something itself must not be written as ended at once: its children stand behind it in the
// queue, and the store takes them only from an execution that holds its claim. It is written as claimed, then come the
// children, then its end, in the same round if they are together there. `ends_apart` says so.
//
// The worker may be wrong about anything: another worker may have evicted it, the session may have moved, the future
// may be cancelled. So a round asks, and the store answers for each operation; results.cc does what follows. Nothing is
// told to a client before that, but what a task of this worker awaits of an end that is not committed is only held
// back.
//
// To read: CommitQueue; control/round.h for the operations; control/committer.cc for what the store makes of them.
namespace morrow::worker {

namespace op = control::op;
using Place = HeldTask::Place;

namespace {

constexpr std::size_t kOpBytes = 120;         // about what an operation adds to a transaction, without values
constexpr std::size_t kDependencyBytes = 60;  // and each dependency of a submit: a key and a back reference

}  // namespace

CommitQueue::Position Brain::push(control::Op change, HeldTaskPtr task, bool due, const Waiter& who,
                                  std::uint64_t number) {
  Item item;
  item.bytes = kOpBytes;
  if (const auto* submit = std::get_if<op::Submit>(&change)) {
    item.bytes += submit->spec->payload.size() + kDependencyBytes * submit->spec->dependencies.size();
  } else if (const auto* end = std::get_if<op::End>(&change)) {
    item.bytes += end->outcome->bytes.size();
  }
  item.op = std::move(change);
  item.task = std::move(task);
  item.who = who;
  item.number = number;
  item.arrived = now_;
  item.settled = due || item.task == nullptr || item.task->committed;
  return commits_.queue.push(std::move(item), due);
}

/// The claim of a task goes back to the index. Its place is kEnded by now.
void Brain::relinquish(const HeldTaskPtr& task) {
  MORROW_INVARIANT(task->place() == Place::kEnded, "a task that is relinquished runs no more", task->run.id,
                   task->place());
  push(op::Relinquish{task->run.id, task->run.claim}, task, true);
}

bool Brain::is_brief(const control::Spec& spec) const {
  const RunTimes::RunTime* known = run_times_.find(spec.function_key);
  return known != nullptr && !known->waits && known->usual < setup_.knobs.brief;
}

/// What has ended waits for brief tasks that were submitted before it and run in other processes, but not for others.
void Brain::wait_for_earlier() {
  const Item* blocker = commits_.queue.blocker();
  if (blocker == nullptr) return;
  const HeldTask& task = base::not_null(blocker->task, "only a submit is unsettled, and it has a task");
  const bool ends_soon = task.place() == Place::kHanded && !task.ends_apart && is_brief(*task.run.spec);
  if (!ends_soon || now_ - commits_.queue.blocked_since() >= setup_.knobs.wait_for_brief) commits_.queue.unblock();
}

/// The end of an execution is known.
void Brain::finish(const HeldTaskPtr& task, control::OutcomePtr outcome, bool may_hold_futures) {
  const bool again = task->lost.object == 0 && control::retried(*outcome, *task->run.spec, task->run.tries + 1);
  if (!again && outcome->failure == control::FailureKind::kCrash && !task->run.crashes.empty())
    outcome = make_poisoned(task->run.crashes, *outcome);
  if (task->lost.object == 0) {
    if (!outcome->ok()) act(action::TaskFailed{task->run.id, task->run.spec, task->run.tries + 1, again, outcome});
    totals_.note_end(task->run.spec->name, *outcome, again);
  }
  if (outcome->ok()) ++counters_.values;
  task->move_to(Place::kEnded);
  task->outcome = std::move(outcome);
  task->may_hold_futures = may_hold_futures;
  if (waiting_.awaits.blocked_for(task->run.id)) waiting_.awaits.note_ended(task->run.id, now_);
  if (!task->committed && commits_.queue.holds(task->submit)) {
    // Written once, as ended. What it submitted itself stands behind it and is fenced by its claim, so then its end
    // comes apart.
    const bool alone =
        (!task->ends_apart && task->lost.object == 0) || control::planted(control::Fault::kEndedOverChildren);
    if (alone && !again) return commits_.queue.make_ended(now_, task->submit);
    commits_.queue.make_due(task->submit);
  }
  op::End end;
  end.id = task->run.id;
  end.claim = task->run.claim;
  end.outcome = task->outcome;
  end.may_hold_futures = may_hold_futures;
  end.lost = task->lost;
  if (again && !leaves()) end.next_claim = random_.draw();
  task->ends_apart = true;  // its submit, if it still waits, must not write the end too
  push(std::move(end), task, true);
}

/// Completes a submit by where its task is now.
void Brain::prepare_submit(op::Submit& submit, HeldTask& task, RoundLoad& load) {
  using How = op::Submit::How;
  const control::Spec& spec = *task.run.spec;
  submit.claim = task.run.claim;
  switch (task.place()) {
    case Place::kEnded:
      if (task.ends_apart && !control::planted(control::Fault::kEndedOverChildren)) {
        submit.how = How::kClaim;
      } else {
        submit.how = How::kEnded;
        submit.outcome = task.outcome;
        submit.may_hold_futures = task.may_hold_futures;
      }
      break;
    case Place::kHanded:
    case Place::kPaused:
      submit.how = How::kClaim;
      break;
    case Place::kBacklog:
      // What waits behind the cap, what idle workers could start now, and what blocked tasks leave no room for here, is
      // better off in the index.
      if (left_to_others(spec) || draining_ || !ledger_.fits_beside_kept(spec.requirements) ||
          (!task.wanted && (others_.view.others_idle() || stopping_ || at_cap() ||
                            backlog_.time() / width(spec.requirements) > setup_.knobs.hand_ahead))) {
        submit.how = How::kIndex;
        backlog_.leave(task, Place::kStored);
        task.run.claim = 0;
      } else {
        submit.how = How::kClaim;
      }
      break;
    case Place::kStored:
    case Place::kDropped: {
      // What was sent again may kill its worker: any one may take it from the index.
      // One that was written for the index once, and found no room in the store, goes there again: its claim is gone.
      const bool here = submit.tries == 0 && submit.claim != 0 && !leaves() && !left_to_others(spec) &&
                        ledger_.fits_beside_kept(spec.requirements) && room_for(spec, load);
      submit.how = here ? How::kClaim : How::kIndex;
      if (here) {
        load.resources += spec.requirements;
        load.time += estimate(spec);
      }
      break;
    }
  }
}

/// Completes the operation of an item that is about to be committed.
void Brain::prepare(Item& item, RoundLoad& load) {
  if (auto* submit = std::get_if<op::Submit>(&item.op)) {
    prepare_submit(*submit, base::not_null(item.task, "a submit has a task"), load);
  } else if (std::holds_alternative<op::Drain>(item.op)) {
    others_.looks.drain_goes();
  }
}

void Brain::build_round() {
  if (commits_.round.under_way() || fenced_) return;
  if (commits_.shortage.on()) return build_round_while_full();
  if (!commits_.queue.has_due()) return;
  start_round(commits_.queue.take(setup_.knobs.max_round_ops, setup_.knobs.max_round_bytes), store::Room::kFree);
}

/// \p room: what it may take at least; more when an operation needs more.
void Brain::start_round(std::vector<Item> items, store::Room room) {
  const auto round = std::make_shared<control::Round>();
  round->incarnation = setup_.incarnation;
  round->room = room;
  round->ops.reserve(items.size());
  RoundLoad load;
  for (Item& item : items) {
    prepare(item, load);
    counters_.bytes += item.bytes;
    if (control::planted(control::Fault::kEarlyAck) && item.number != 0) act(action::Ack{item.who, item.number});
    if (!commits_.shortage.on()) round->room = std::min(round->room, worker::room_of(item.op));
    round->ops.push_back(std::move(item.op));
  }
  commits_.round.start(now_, std::move(items), round);
  ++counters_.rounds;
  act(action::CommitRound{round});
}

}  // namespace morrow::worker
