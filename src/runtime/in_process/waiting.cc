// SPDX-License-Identifier: Apache-2.0

// Threads that wait for futures.
//
// A task that waits lends its cpus and named resources, as with a worker, so that others can begin: on another thread,
// or, when it waits for one future alone that is ready, that one on top of its own stack. So tasks that submit and
// await tasks need no thread for each that stands open.
#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/defer.h"
#include "runtime/backend/telling.h"
#include "runtime/client/scopes.h"
#include "runtime/in_process/failures.h"
#include "runtime/in_process/in_process.h"
#include "runtime/in_process/reasons.h"

namespace morrow::runtime {

using detail::FailureKind;
using detail::FutureId;
using detail::Value;

FuturePtr InProcess::must_be_there(FutureId id) const {
  FuturePtr future = futures_.find(id);
  if (future == nullptr) detail::throw_failure({.kind = FailureKind::kReleased});
  return future;
}

// ---- the wait itself ----

/// False: the deadline was over before. Until `need` of them have ended.
bool InProcess::wait_for(std::span<const FuturePtr> futures, std::size_t need, const Deadline& deadline) {
  const auto has_ended = [](const FuturePtr& future) { return future->ended(); };
  const auto ended = static_cast<std::size_t>(std::count_if(futures.begin(), futures.end(), has_ended));
  if (ended >= need) return true;
  if (deadline && *deadline <= Clock::now()) return false;
  FutureWaiter waiter;
  waiter.missing = need - ended;
  for (const FuturePtr& future : futures) {
    if (!future->ended()) future->waiters.push_back(&waiter);
  }
  const base::Defer leaves([&] {
    mutex_.assert_held();
    for (const FuturePtr& future : futures) futures_.leave(future, waiter);
  });
  begin_wait(waiter, need == futures.size() && !deadline ? futures : std::span<const FuturePtr>());
  const base::Defer ends([this] {
    mutex_.assert_held();
    end_wait();
  });
  return sleep_until_ended(waiter, futures, deadline);
}

void InProcess::begin_wait(FutureWaiter& waiter, std::span<const FuturePtr> needs_all) {
  if (running_here_ == nullptr) return;
  RunningTask& me = *running_here_;
  me.waiter = &waiter;
  me.needs_all = needs_all;
  counts_.give_back(ResourceCounts::released_in_wait(me.future->needs));
  given_back_.notify_all();
  --busy_;
  if (!needs_all.empty() && !me.dropped) end_in_deadlock(me);
  schedule();
}

/// It goes on at once, also when others have taken the cpus that it lent. A named resource may be one that only one may
/// use: for that it waits.
void InProcess::end_wait() {
  if (running_here_ == nullptr) return;
  RunningTask& me = *running_here_;
  me.waiter = nullptr;
  me.needs_all = {};
  const base::Resources released = ResourceCounts::released_in_wait(me.future->needs);
  base::Resources named;
  named.named_micro = released.named_micro;
  while (!counts_.has(named) && !me.dropped && !stop_) given_back_.wait(mutex_);
  counts_.take(released);
  ++busy_;
}

/// Fails the task's future, if it waits for itself.
void InProcess::end_in_deadlock(RunningTask& me) {
  const std::string sentence = deadlock_of(me);
  if (sentence.empty()) return;
  const FuturePtr future = me.future;
  futures_.end(future, failed(FailureKind::kDeadlock, sentence, *future->call, future->failures + 1));
}

bool InProcess::sleep_until_ended(FutureWaiter& waiter, std::span<const FuturePtr> futures, const Deadline& deadline) {
  const bool tells = running_here_ == nullptr && patience_ != Clock::duration::zero();
  const auto since = Clock::now();
  auto tell_at = since + patience_;
  while (waiter.missing != 0) {
    if (is_dropped()) check();
    if (futures.size() == 1 && !deadline && run_here(futures.front())) continue;
    const auto now = Clock::now();
    if (deadline && now >= *deadline) return false;
    if (tells && now >= tell_at) {
      tell_wait(futures);
      tell_at = since + 2 * (now - since);
      continue;
    }
    if (!deadline && !tells) {
      waiter.changed.wait(mutex_);
    } else {
      waiter.changed.wait_until(mutex_, !tells ? *deadline : std::min(deadline.value_or(tell_at), tell_at));
    }
  }
  return true;
}

/// Runs it on top of the task that waits for it, if it can begin now. One with a timeout would hold that up beyond it.
bool InProcess::run_here(const FuturePtr& future) {
  const bool can_begin = running_here_ != nullptr && !stop_ && future->stage == FutureRecord::Stage::kReady &&
                         future->call->timeout_ns() == 0 && counts_.has(future->needs) && stack_left() >= kLeastStack;
  if (!can_begin) return false;
  run(future);
  schedule();
  return true;
}

void InProcess::tell_wait(std::span<const FuturePtr> futures) {
  const auto missing =
      std::find_if(futures.begin(), futures.end(), [](const FuturePtr& future) { return !future->ended(); });
  if (missing == futures.end()) return;
  const std::string sentence = "still waiting: future " + named(**missing) + " " + reason_of(**missing, counts_);
  const base::MutexUnlock unlocked(mutex_);
  say(sentence);
}

// ---- for the seam ----

/// The program knows of its failure.
void InProcess::note_seen(const FuturePtr& future) {
  future->seen = true;
  if (const FuturePtr root = futures_.lookup(future->outcome.root)) root->seen = true;
}

Value InProcess::value_of(const FuturePtr& future) {
  if (future->outcome.ok()) return future->outcome.value;
  note_seen(future);
  const base::MutexUnlock unlocked(mutex_);  // what has ended does not change
  throw_outcome(future->outcome);
}

Value InProcess::get(FutureId id) {
  const base::MutexLock lock(mutex_);
  check();
  const FuturePtr future = must_be_there(id);
  wait_for({&future, 1}, 1, std::nullopt);
  return value_of(future);
}

std::optional<Value> InProcess::get_for(FutureId id, std::chrono::nanoseconds timeout) {
  const base::MutexLock lock(mutex_);
  check();
  const FuturePtr future = must_be_there(id);
  const Deadline deadline = deadline_after(std::max(timeout, std::chrono::nanoseconds(0)));
  if (!wait_for({&future, 1}, 1, deadline)) return std::nullopt;
  return value_of(future);
}

void InProcess::get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  std::vector<FuturePtr> futures;
  {
    const base::MutexLock lock(mutex_);
    check();
    for (const FutureId id : ids) futures.push_back(must_be_there(id));
    // One after the other, so the first failure in their order is known as soon as it can be.
    for (auto future = futures.begin(); future != futures.end(); ++future) {
      wait_for({&*future, 1}, 1, std::nullopt);
      if ((*future)->outcome.ok()) continue;
      // All were asked for: of the others that fail, or will, the program need not be told again.
      for (auto rest = future; rest != futures.end(); ++rest)
        (*rest)->seen |= !(*rest)->outcome.ok() || !(*rest)->ended();
      value_of(*future);
    }
  }
  for (const FuturePtr& future : futures) take(future->outcome.value);
}

std::uint64_t InProcess::size_of(FutureId id) { return get(id).bytes.size(); }

bool InProcess::ready(FutureId id) {
  const base::MutexLock lock(mutex_);
  check();
  const FuturePtr future = futures_.find(id);
  return future == nullptr || future->ended();  // a get of one that was released does not wait
}

std::vector<bool> InProcess::wait(std::span<const FutureId> ids, std::size_t count,
                                  std::optional<std::chrono::nanoseconds> timeout) {
  const base::MutexLock lock(mutex_);
  check();
  std::vector<FuturePtr> asked;  // a get of one that was released does not wait
  std::vector<FuturePtr> all;
  for (const FutureId id : ids) {
    all.push_back(futures_.find(id));
    if (all.back() != nullptr) asked.push_back(all.back());
  }
  const std::size_t known = ids.size() - asked.size();
  if (known < count)
    wait_for(asked, std::min(count - known, asked.size()), timeout ? deadline_after(*timeout) : Deadline());
  std::vector<bool> finished;
  finished.reserve(all.size());
  for (const FuturePtr& future : all) finished.push_back(future == nullptr || future->ended());
  return finished;
}

bool InProcess::wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) {
  const base::MutexLock lock(mutex_);
  check();
  std::vector<FuturePtr> all;
  const auto add = [&](std::uint64_t one) {
    mutex_.assert_held();
    const std::vector<FuturePtr> unfinished = futures_.unfinished(one);
    all.insert(all.end(), unfinished.begin(), unfinished.end());
  };
  const Scopes& open = scopes();
  const bool outer = scope == 0;
  if (outer) add(outer_scope());
  auto first = std::find_if(open.begin(), open.end(), [&](const OpenScope& one) { return outer || one.id == scope; });
  if (!outer && first == open.end())
    throw std::logic_error("Scope::wait: only the thread that opened the Scope can wait for it");
  for (; first != open.end(); ++first) add(first->id);
  return wait_for(all, all.size(), timeout ? deadline_after(*timeout) : Deadline());
}

}  // namespace morrow::runtime
