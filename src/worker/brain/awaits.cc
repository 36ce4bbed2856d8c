// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "worker/brain/impl.h"
#include "worker/brain/worker_failure.h"

namespace morrow::worker {

namespace op = control::op;

void Brain::Impl::await(Time now, const Waiter& who, AwaitRequest request) {
  auto state = std::make_shared<AwaitState>();
  state->who = who;
  const auto count = static_cast<std::uint32_t>(request.ids.size());
  if (request.need == 0 || request.need > count) request.need = count;
  state->missing = request.need;
  state->answered.assign(count, false);
  state->unanswered = count;
  state->request = std::move(request);
  awaits_[{who, state->request.token}] = state;

  Executor* executor = nullptr;
  Frame* frame = who.executor != 0 ? frame_of(who, state->request.claim, &executor) : nullptr;
  state->lends = frame != nullptr && !state->request.poll;

  for (std::uint32_t index = 0; index < count; ++index) {
    const control::FutureId id = state->request.ids[index];
    if (const control::OutcomePtr outcome = recent_outcomes_.recall(id)) {
      answer(now, state, index, outcome, false);
      continue;
    }
    const auto task = tasks_.find(id);
    const bool here = task != tasks_.end();
    if (here && state->request.poll) {
      // A false ready() counts as a short await: who asks in a loop gets what it asks for run.
      if (who.executor != 0) want(now, id);
      answer(now, state, index, nullptr, true);
      continue;
    }
    Awaited& awaited = awaited_[id];
    if (awaited.registered && state->request.poll) {
      if (who.executor != 0) want(now, id);
      answer(now, state, index, nullptr, true);
      continue;
    }
    awaited.waiters.emplace_back(state, index);
    if (!here && !awaited.registered && !awaited.asked) {
      awaited.asked = true;
      push(now, op::Await{id}, nullptr, true);
    }
  }
  if (state->missing == 0) return;  // answered from memory: nothing is lent
  if (!state->lends) return;
  // What a waiting task needs is started first; the latest goes first, so that recursion goes depth first.
  for (auto id = state->request.ids.rbegin(); id != state->request.ids.rend(); ++id) want(now, *id);
  if (!frame->is_lent) lend(now, *executor, *frame, state->request.hosts);
}

void Brain::Impl::want(Time now, control::FutureId id) {
  (void)now;
  const auto found = tasks_.find(id);
  if (found == tasks_.end()) {
    if (const auto awaited = awaited_.find(id); awaited != awaited_.end() && awaited->second.registered)
      by_id_.insert(id);
    return;
  }
  const TaskPtr& task = found->second;
  if (task->wanted) return;
  task->wanted = true;
  if (task->place == Task::Place::kBacklog) wanted_.push_front(task);
}

/// Whether a task of this worker waits for `id`, its slot lent.
bool Brain::Impl::stands_still_for(control::FutureId id) const {
  const auto awaited = awaited_.find(id);
  return awaited != awaited_.end() && std::any_of(awaited->second.waiters.begin(), awaited->second.waiters.end(),
                                                  [](const auto& waiter) { return waiter.first->lends; });
}

void Brain::Impl::lend(Time now, Executor& executor, Frame& frame, bool hosts) {
  frame.lent = Ledger::lendable(frame.held);
  ledger_.give(frame.lent);
  given_back_ = true;
  frame.is_lent = true;
  frame.hosts = hosts;
  frame.ran += now - frame.running_since;
  estimates_[frame.task->run.spec->function_key].waits = true;
  ++counters_.lent;
  revoke_queued(now, executor);
}

void Brain::Impl::answer(Time now, const AwaitPtr& state, std::uint32_t index, const control::OutcomePtr& outcome,
                         bool pending) {
  if (state->answered[index]) return;
  state->answered[index] = true;
  if (state->missing > 0) --state->missing;
  action::Ready ready;
  ready.to = state->who;
  ready.token = state->request.token;
  ready.index = state->indices.empty() ? index : state->indices[index];
  ready.id = state->request.ids[index];
  ready.claim = state->request.claim;
  ready.hosts = state->request.hosts;
  ready.pending = pending;
  ready.with_value = state->request.values || (outcome && !outcome->ok());
  ready.only_small = state->request.only_small;
  ready.outcome = outcome;
  if (ready.with_value && !ready.only_small && outcome && outcome->object) ++coming_[{ready.to, ready.token}];
  if (--state->unanswered == 0) forget_await(*state);

  Executor* executor = nullptr;
  Frame* frame = state->lends ? frame_of(state->who, state->request.claim, &executor) : nullptr;
  const bool stands = frame != nullptr && frame->is_lent;
  if (stands && state->missing > 0 && ready.with_value && !ready.only_small && outcome && outcome->object) {
    // A value that is here for a task is held in memory, and a task that stands still is one of many: together they
    // would hold all of it and wait for the rest.
    action::Prefetch ahead;
    ahead.objects.emplace_back(ready.id, outcome->object);
    state->held_back.push_back(std::move(ready));
    act(std::move(ahead));
  } else if (stands && state->missing == 0 && !more_missing(*state)) {
    // The answer that lets a waiting task go on is given when the task has its slot again.
    state->held_back.push_back(std::move(ready));
    if (!std::exchange(state->resumes, true)) resume_.emplace_back(state, now);
  } else {
    if (state->missing == 0 || !stands) give_back(*state);
    act(std::move(ready));
  }
}

/// The answers that were held back are given.
void Brain::Impl::give_back(AwaitState& state) {
  for (action::Ready& ready : state.held_back) act(std::move(ready));
  state.held_back.clear();
}

/// False: nobody here waits for it.
bool Brain::Impl::deliver(Time now, control::FutureId id, const control::OutcomePtr& outcome) {
  const auto found = awaited_.find(id);
  if (found == awaited_.end()) return false;
  const auto waiters = std::move(found->second.waiters);
  awaited_.erase(found);
  by_id_.erase(id);
  for (const auto& [state, index] : waiters) answer(now, state, index, outcome, false);
  return true;
}

/// The value of an answer is lost: who asked waits for it once more, and lends its slot once more. What is lost of one
/// question is waited for together: the task goes on when all is there.
void Brain::Impl::await_again(Time now, const action::Ready& answer) {
  const control::FutureId id = answer.id;
  recent_outcomes_.forget(id);
  AwaitPtr state;
  for (auto it = again_.lower_bound({answer.to, 0}); it != again_.end() && it->first.first == answer.to; ++it) {
    if (it->second->request.token == answer.token && it->second->missing > 0) state = it->second;
  }
  if (!state) {
    state = std::make_shared<AwaitState>();
    state->who = answer.to;
    state->request.token = answer.token;
    state->request.claim = answer.claim;
    state->request.hosts = answer.hosts;
    state->again = ++last_again_;
    again_[{answer.to, state->again}] = state;
  }
  const auto index = static_cast<std::uint32_t>(state->request.ids.size());
  state->request.ids.push_back(id);
  state->indices.push_back(answer.index);
  state->answered.push_back(false);
  ++state->unanswered;
  ++state->missing;
  Awaited& awaited = awaited_[id];
  awaited.waiters.emplace_back(state, index);
  if (!tasks_.contains(id) && !awaited.registered && !awaited.asked) {
    awaited.asked = true;
    push(now, op::Lost{{id, answer.outcome->object.number}, stopping_ ? 0 : draw()}, nullptr, true);
  }
  Executor* executor = nullptr;
  Frame* frame = answer.to.executor != 0 ? frame_of(answer.to, answer.claim, &executor) : nullptr;
  state->lends = frame != nullptr;
  if (frame == nullptr) return;
  want(now, id);
  if (!frame->is_lent) lend(now, *executor, *frame, answer.hosts);
}

/// Whether the client misses something else of the same question, since values were lost: it stands still until then.
bool Brain::Impl::more_missing(const AwaitState& state) const {
  if (state.again == 0 && again_.empty()) return false;
  const auto misses = [&](const AwaitPtr& other) {
    return other.get() != &state && other->request.token == state.request.token && other->missing > 0;
  };
  if (const auto asked = awaits_.find({state.who, state.request.token});
      asked != awaits_.end() && misses(asked->second))
    return true;
  return std::any_of(again_.lower_bound({state.who, 0}), again_.upper_bound({state.who, ~std::uint64_t{0}}),
                     [&](const auto& one) { return misses(one.second); });
}

void Brain::Impl::forget_await(const AwaitState& state) {
  if (state.again != 0) {
    again_.erase({state.who, state.again});
  } else {
    awaits_.erase({state.who, state.request.token});
  }
}

/// Whether the question of an answer that was to bring a large value still stands.
bool Brain::Impl::came(const action::Ready& answer) {
  const auto found = coming_.find({answer.to, answer.token});
  if (found == coming_.end()) return false;
  if (--found->second == 0) coming_.erase(found);
  return true;
}

bool Brain::object_here(const action::Ready& answer) { return impl_->came(answer); }

void Brain::object_lost(Time now, const action::Ready& answer) {
  if (impl_->came(answer)) impl_->await_again(now, answer);
}

void Brain::Impl::unawait(Time now, const Waiter& who, std::uint64_t token) {
  coming_.erase({who, token});
  std::vector<AwaitPtr> states;
  if (const auto asked = awaits_.find({who, token}); asked != awaits_.end()) states.push_back(asked->second);
  for (auto it = again_.lower_bound({who, 0}); it != again_.end() && it->first.first == who; ++it) {
    if (it->second->request.token == token) states.push_back(it->second);
  }
  for (const AwaitPtr& state : states) drop_await(now, state);
}

void Brain::Impl::drop_await(Time now, const AwaitPtr& state) {
  const Waiter& who = state->who;
  forget_await(*state);
  for (const control::FutureId id : state->request.ids) remove_waiter(now, id, state);
  if (!state->lends || state->resumes) return;
  Executor* executor = nullptr;
  Frame* frame = frame_of(who, state->request.claim, &executor);
  if (frame == nullptr || !frame->is_lent) return;
  // The task goes on already (its time was over): take its slot back, oversubscribed if need be.
  ledger_.take(frame->lent);
  frame->is_lent = false;
  frame->running_since = now;
}

void Brain::Impl::remove_waiter(Time now, control::FutureId id, const AwaitPtr& state) {
  const auto found = awaited_.find(id);
  if (found == awaited_.end()) return;
  auto& waiters = found->second.waiters;
  waiters.erase(
      std::remove_if(waiters.begin(), waiters.end(), [&](const auto& waiter) { return waiter.first == state; }),
      waiters.end());
  if (!waiters.empty()) return;
  if (found->second.registered || found->second.asked) push(now, op::Unawait{id}, nullptr, false);
  awaited_.erase(found);
  by_id_.erase(id);
}

void Brain::Impl::drop_awaits(Time now, const Waiter& who) {
  coming_.erase(coming_.lower_bound({who, 0}), coming_.upper_bound({who, ~std::uint64_t{0}}));
  for (auto* awaits : {&awaits_, &again_}) {
    auto next = awaits->lower_bound({who, 0});
    while (next != awaits->end() && next->first.first == who) {
      const AwaitPtr state = next->second;
      next = awaits->erase(next);
      for (const control::FutureId id : state->request.ids) remove_waiter(now, id, state);
    }
  }
  resume_.erase(
      std::remove_if(resume_.begin(), resume_.end(), [&](const auto& entry) { return entry.first->who == who; }),
      resume_.end());
}

bool Brain::Impl::try_resume(Time now, const AwaitPtr& state, Time since) {
  Executor* executor = nullptr;
  Frame* frame = frame_of(state->who, state->request.claim, &executor);
  if (frame != nullptr && frame->is_lent && !more_missing(*state)) {
    if (frame != &executor->frames.back()) return false;  // a nested run goes on above it
    if (!ledger_.fits(frame->lent)) {
      const bool late = now - since >= setup_.knobs.resume_after;
      if (!late || ledger_.cpu_oversubscribed() >= ledger_.total().cpu_milli) return false;
      ++counters_.resumed_late;
    }
    ledger_.take(frame->lent);
    frame->is_lent = false;
    frame->running_since = now;
  }
  give_back(*state);
  state->resumes = false;
  return true;
}

void Brain::Impl::resume(Time now) {
  for (auto entry = resume_.begin(); entry != resume_.end();) {
    entry = try_resume(now, entry->first, entry->second) ? resume_.erase(entry) : entry + 1;
  }
}

void Brain::await(Time now, const Waiter& who, AwaitRequest request) { impl_->await(now, who, std::move(request)); }
void Brain::unawait(Time now, const Waiter& who, std::uint64_t token) { impl_->unawait(now, who, token); }

}  // namespace morrow::worker
