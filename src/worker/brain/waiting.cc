// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "control/faults.h"
#include "worker/brain/brain.h"

// What is done when clients wait and go on; awaits.cc has the tables and opens with what is hard about them.
//
// A task that waits releases its cpus and named resources, and nothing is started in its place but what it waits for
// before all else: what is queued behind it is taken back, and what it awaits is wanted. Memory and devices it keeps.
// When all that it waited for is committed, it takes its resources back and is sent what was held back, in this order:
// so there are never more tasks that compute than cpus, but for those that waited too long for a free one
// (`Knobs::resume_after`), and of these no more than the machine has.
namespace morrow::worker {

namespace op = control::op;

void Brain::await(Time now, const Waiter& who, AwaitRequest request) {
  advance(now);
  const AwaitPtr await = waiting_.awaits.open(who, std::move(request));
  const AwaitRequest& asked = await->request;
  const StackPosition position = who.executor != 0 ? executors_.find(who.executor, asked.claim) : StackPosition{};
  await->blocks = position.task != nullptr && !asked.poll;
  await->since = now;

  for (std::uint32_t index = 0; index < asked.ids.size(); ++index) {
    const control::FutureId id = asked.ids[index];
    if (const control::OutcomePtr outcome = waiting_.recent_outcomes.recall(id)) {
      answer(await, index, outcome, false);
      continue;
    }
    const bool here = tasks_.contains(id);
    if (here && asked.poll) {
      // A false ready() counts as a short await: a task that asks in a loop gets the one it asks for run.
      if (who.executor != 0) want(id);
      answer(await, index, nullptr, true);
      continue;
    }
    AwaitedFuture& awaited = waiting_.awaits.future(id);
    if (awaited.registered && asked.poll) {
      if (who.executor != 0) want(id);
      answer(await, index, nullptr, true);
      continue;
    }
    awaited.waiters.push_back({await, index});
    if (awaited.asked || (!here && !awaited.registered)) ask_store(id, awaited);
  }
  if (await->missing == 0) return;  // answered from memory: nothing is released
  if (!await->blocks) return;
  // What a blocked task needs is started first; the latest goes first, so that recursion goes depth first.
  for (auto id = asked.ids.rbegin(); id != asked.ids.rend(); ++id) want(*id);
  if (!position.task->blocked) release_while_blocked(position, asked.hosts);
}

/// Registers with the store. When that is under way, an answer that nobody has the future may be too old.
void Brain::ask_store(control::FutureId id, AwaitedFuture& awaited) {
  if (std::exchange(awaited.asked, true)) {
    awaited.asked_since = true;
    return;
  }
  awaited.asked_since = false;
  push(op::Await{id}, nullptr, true);
}

/// A task of this worker awaits this future.
void Brain::want(control::FutureId id) {
  if (const HeldTaskPtr& task = tasks_.find(id)) {
    backlog_.want(task);
  } else if (const AwaitedFuture* awaited = waiting_.awaits.find(id); awaited != nullptr && awaited->registered) {
    others_.index_claims.want(id);
  }
}

/// Whether the task that waits is the last one on the stack of its executor: only then may another run on top of it.
bool Brain::stands_on_top(const AwaitState& await) const {
  const ExecutorState* executor = executors_.find(await.who.executor);
  return executor != nullptr && executor->runs(await.request.claim);
}

/// When the first task came whose values are there, and which only misses its resources.
std::optional<Time> Brain::first_resumable() const {
  return waiting_.awaits.first_resumed([this](const AwaitState& await) {
    return stands_on_top(await) || control::planted(control::Fault::kHeldUpFromBelow);
  });
}

/// What stood on top of this executor has ended.
void Brain::want_put_off(const ExecutorState& executor) {
  const Waiter who{0, executor.id};
  for (auto it = waiting_.awaits.questions().lower_bound({who, 0}); it != waiting_.awaits.questions().end(); ++it) {
    AwaitState& await = *it->second;
    if (await.who != who) return;
    if (!stands_on_top(await) || !std::exchange(await.put_off, false)) continue;
    for (std::size_t i = 0; i < await.request.ids.size(); ++i) {
      if (!await.answered[i]) want(await.request.ids[i]);
    }
  }
}

void Brain::release_while_blocked(const StackPosition& position, bool hosts) {
  StackedTask& stacked = *position.task;
  MORROW_INVARIANT(!stacked.blocked, "a task releases its resources once while it is blocked", stacked.task->run.id);
  if (stacked.lends) take_back_cpus(stacked);
  stacked.released = ledger_.block(stacked.held);
  others_.index_claims.note_freed();
  stacked.blocked = true;
  stacked.hosts = hosts;
  stacked.ran += now_ - stacked.running_since;
  run_times_.note_wait(stacked.task->run.spec->function_key);
  revoke_queued(*position.executor);
}

void Brain::reacquire(StackedTask& stacked) {
  MORROW_INVARIANT(stacked.blocked, "a task that takes its resources back released them", stacked.task->run.id);
  ledger_.unblock(stacked.held);
  stacked.blocked = false;
  stacked.running_since = now_;
}

void Brain::answer(const AwaitPtr& await, std::uint32_t index, const control::OutcomePtr& outcome, bool pending) {
  if (!waiting_.awaits.count_answer(*await, index)) return;
  const AwaitRequest& asked = await->request;
  action::Ready ready;
  ready.to = await->who;
  ready.token = asked.token;
  ready.index = await->indices.empty() ? index : await->indices[index];
  ready.id = asked.ids[index];
  ready.claim = asked.claim;
  ready.hosts = asked.hosts;
  ready.pending = pending;
  ready.with_value = asked.values || (outcome && !outcome->ok());
  ready.only_small = asked.only_small;
  ready.outcome = outcome;
  const bool large = ready.with_value && !ready.only_small && outcome && outcome->object;
  if (large) waiting_.awaits.value_sent(ready);

  const StackPosition position = await->blocks ? executors_.find(await->who.executor, asked.claim) : StackPosition{};
  const bool blocked = position.task != nullptr && position.task->blocked;
  if (blocked && await->missing > 0 && large) {
    // A value that is here for a task is held in memory, and a blocked task is one of many: together they would hold
    // all of it and wait for the rest.
    action::Prefetch ahead;
    ahead.objects.emplace_back(ready.id, outcome->object);
    await->held_back.push_back(std::move(ready));
    act(std::move(ahead));
  } else if (blocked && await->missing == 0 && !waiting_.awaits.more_missing(*await)) {
    // The answer that lets a blocked task go on is sent when the task has its resources again.
    await->held_back.push_back(std::move(ready));
    waiting_.awaits.queue_to_resume(await, now_);
  } else {
    if (await->missing == 0 || !blocked) send_held_back(*await);
    act(std::move(ready));
  }
}

void Brain::send_held_back(AwaitState& await) {
  for (action::Ready& ready : await.held_back) act(std::move(ready));
  await.held_back.clear();
}

/// False: nobody here waits for it.
bool Brain::deliver(control::FutureId id, const control::OutcomePtr& outcome) {
  const auto awaited = waiting_.awaits.take(id);
  if (!awaited) return false;
  others_.index_claims.unwant(id);
  for (const auto& [await, index] : awaited->waiters) answer(await, index, outcome, false);
  return true;
}

/// The value of an answer is lost: whoever asked waits for it once more, and its task is blocked once more. What is
/// lost of one question is waited for together: the task goes on when all is there.
void Brain::await_again(const action::Ready& answer) {
  const control::FutureId id = answer.id;
  waiting_.recent_outcomes.forget(id);
  const AwaitSlot slot = waiting_.awaits.open_again(answer);
  AwaitedFuture& awaited = waiting_.awaits.future(id);
  awaited.waiters.push_back(slot);
  if (!tasks_.contains(id) && !awaited.registered && !awaited.asked) {
    awaited.asked = true;
    push(op::Lost{{id, answer.outcome->object.number}, leaves() ? 0 : random_.draw()}, nullptr, true);
  }
  const StackPosition position =
      answer.to.executor != 0 ? executors_.find(answer.to.executor, answer.claim) : StackPosition{};
  slot.await->blocks = position.task != nullptr;
  if (position.task == nullptr) return;
  want(id);
  if (!position.task->blocked) release_while_blocked(position, answer.hosts);
}

bool Brain::object_here(const action::Ready& answer) { return waiting_.awaits.value_came(answer); }

void Brain::object_lost(Time now, const action::Ready& answer) {
  advance(now);
  if (waiting_.awaits.value_came(answer)) await_again(answer);
}

void Brain::unawait(Time now, const Waiter& who, std::uint64_t token) {
  advance(now);
  for (const AwaitPtr& await : waiting_.awaits.take_back(who, token)) drop_await(await);
}

void Brain::drop_await(const AwaitPtr& await) {
  waiting_.awaits.forget(*await);
  for (const control::FutureId id : await->request.ids) remove_waiter(id, await);
  if (!await->blocks || await->resumes) return;
  const StackPosition position = executors_.find(await->who.executor, await->request.claim);
  if (position.task == nullptr || !position.task->blocked) return;
  // The task goes on already (its time was over): it takes its resources back, oversubscribed if need be.
  reacquire(*position.task);
}

void Brain::remove_waiter(control::FutureId id, const AwaitPtr& await) {
  const auto last = waiting_.awaits.remove_waiter(id, await);
  if (!last) return;
  if (last->registered || last->asked) push(op::Unawait{id}, nullptr, false);
  others_.index_claims.unwant(id);
}

/// The client is gone.
void Brain::drop_awaits(const Waiter& who) {
  for (const AwaitPtr& await : waiting_.awaits.drop_all(who)) {
    for (const control::FutureId id : await->request.ids) remove_waiter(id, await);
  }
}

/// False: not yet.
bool Brain::try_resume(AwaitState& await, Time since) {
  const StackPosition position = executors_.find(await.who.executor, await.request.claim);
  if (position.task != nullptr && position.task->blocked && !waiting_.awaits.more_missing(await)) {
    if (position.task != &position.executor->stack.back()) return false;  // a nested run goes on above it
    if (!ledger_.fits(position.task->released)) {
      const bool late = now_ - since >= setup_.knobs.resume_after;
      if (!late || !ledger_.may_oversubscribe(position.task->released)) return false;
    }
    reacquire(*position.task);
  }
  send_held_back(await);
  return true;
}

/// What found no place beside what blocked tasks keep would wait for them here, as they may wait for it: others may
/// take it, and the store sees that nobody can.
void Brain::relinquish_kept_out() {
  if (ledger_.kept() == control::Resources{}) return;
  const auto kept_out = [this](const HeldTask& task) { return !ledger_.fits_beside_kept(task.run.spec->requirements); };
  if (relinquish_waiting(kept_out)) waiting_.long_waits.look_soon(now_);
}

void Brain::look_at_long_waits() {
  if (!waiting_.long_waits.is_due(now_)) return;
  relinquish_kept_out();
  if (auto note = waiting_.long_waits.update(now_, waiting_.awaits, executors_)) act(*std::move(note));
}

void Brain::deadlocks_ended(Time now, const std::vector<control::ScopeId>& endings,
                            const std::vector<control::FutureId>& checks) {
  advance(now);
  waiting_.long_waits.note_done();
  for (const control::FutureId id : checks) check(id);
  if (!endings.empty()) act(action::EndScopes{endings});
}

}  // namespace morrow::worker
