// SPDX-License-Identifier: Apache-2.0

// What a future's end, release or scope does to others: the rules of src/control, over a table in memory.
//
// - A future lives as long as its scope: the session, a block, or the attempt that submitted it. The scope of an
//   attempt ends with it, unless its value may hold futures: then it lives on in the scope of the task's own future.
// - A dependent holds its dependencies until it has ended, whatever becomes of their handles. When the scope of one
//   ends before it began, it can't run any more.
// - What is released and has not ended is cancelled, once nobody waits for it or depends on it.
//
// One end may cause a hundred thousand others, in a chain or in a fan: they stand in a list and are worked off in turn.
#include "runtime/in_process/futures.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/must.h"
#include "runtime/in_process/failures.h"

namespace morrow::runtime {

using detail::FutureId;
using Stage = FutureRecord::Stage;

namespace {

constexpr std::size_t kStaleDependents = 16;  // so many may stand there without a look

}  // namespace

// ---- scopes ----

void Futures::open_scope(std::uint64_t scope, std::uint64_t parent, FutureId owner) {
  base::must_find(scopes_, parent, "a scope is opened in one that is open").inside.insert(scope);
  Scope& opened = scopes_[scope];
  opened.parent = parent;
  opened.owner = owner;
}

void Futures::end_scope(std::uint64_t scope) {
  close_unless_needed(scope);
  settle();
}

void Futures::end_session(std::uint64_t session) {
  close(session);
  settle();
}

void Futures::close_unless_needed(std::uint64_t scope) {
  const auto found = scopes_.find(scope);
  if (found != scopes_.end() && found->second.needed_by != 0) {
    found->second.ends_later = true;
  } else {
    close(scope);
  }
}

/// The scopes of all that it depends on, and those around them, are there until it has ended.
void Futures::keep_needed(const FuturePtr& future) {
  for (const FuturePtr& dependency : future->dependencies) {
    for (auto scope = scopes_.find(dependency->id.scope); scope != scopes_.end();
         scope = scopes_.find(scope->second.parent)) {
      ++scope->second.needed_by;
      future->scopes.push_back(scope->first);
    }
  }
}

void Futures::let_go_needed(const FuturePtr& future) {
  for (const std::uint64_t id : std::exchange(future->scopes, {})) {
    const auto scope = scopes_.find(id);
    if (scope != scopes_.end() && --scope->second.needed_by == 0 && scope->second.ends_later) close(id);
  }
}

void Futures::close(std::uint64_t scope) {
  const auto outermost = scopes_.find(scope);
  if (outermost == scopes_.end()) return;
  if (const auto parent = scopes_.find(outermost->second.parent); parent != scopes_.end())
    parent->second.inside.erase(scope);
  std::vector<std::uint64_t> left{scope};
  while (!left.empty()) {
    const auto found = scopes_.find(left.back());
    MORROW_INVARIANT(found != scopes_.end(), "a scope that is listed in another one is there", left.back());
    const std::uint64_t id = left.back();
    const Scope closed = std::move(found->second);
    scopes_.erase(found);
    left.pop_back();
    left.insert(left.end(), closed.inside.begin(), closed.inside.end());
    drop(closed, id);
  }
}

void Futures::drop(const Scope& scope, std::uint64_t id) {
  for (const auto& [unused, future] : scope.futures) {
    if (!future->ended()) end_later(future, released());
    for (const FuturePtr& dependent : future->dependents) {
      const bool begun = dependent->ended() || dependent->stage == Stage::kRunning;
      if (!begun && dependent->id.scope != id) end_later(dependent, released(future->id));
    }
  }
}

// ---- the table ----

FuturePtr Futures::lookup(FutureId id) const {
  const auto scope = scopes_.find(id.scope);
  if (scope == scopes_.end()) return nullptr;
  const auto found = scope->second.futures.find(id.sequence);
  return found == scope->second.futures.end() ? nullptr : found->second;
}

FuturePtr Futures::find(FutureId id) const {
  FuturePtr future = lookup(id);
  return future == nullptr || future->released ? nullptr : future;
}

void Futures::insert(const FuturePtr& future) {
  Scope& scope = base::must_find(scopes_, future->id.scope, "a future is born in a scope that is open");
  const bool is_new = scope.futures.emplace(future->id.sequence, future).second;
  MORROW_INVARIANT(is_new, "the futures of a scope have different numbers", future->id.scope, future->id.sequence);
}

void Futures::erase(FutureId id) {
  if (const auto scope = scopes_.find(id.scope); scope != scopes_.end()) scope->second.futures.erase(id.sequence);
}

void Futures::submit(const FuturePtr& future, std::span<const FutureId> dependencies) {
  insert(future);
  for (const FutureId id : dependencies) {
    const FuturePtr dependency = find(id);
    if (dependency == nullptr) return end(future, released(id));
    if (dependency->ended() && !dependency->outcome.ok()) return end(future, dependency_failed(*dependency));
    ++dependency->needed_by;
    dependency->dependents.push_back(future);
    future->dependencies.push_back(dependency);
    if (!dependency->ended()) ++future->missing;
  }
  if (future->call->detached()) keep_needed(future);
  if (future->missing == 0) make_ready(future);
}

void Futures::put(const FuturePtr& future) {
  insert(future);
  future->stage = Stage::kEnded;
}

void Futures::make_ready(const FuturePtr& future) {
  MORROW_INVARIANT(!future->ended() && future->missing == 0, "what is ready has all that it needs", future->id.scope,
                   future->id.sequence, future->missing);
  future->stage = Stage::kReady;
  const auto scope = scopes_.find(future->id.scope);
  ready_.add(future, scope != scopes_.end() && scope->second.owner != FutureId{});
}

void Futures::release(FutureId id) {
  const FuturePtr future = find(id);
  if (future == nullptr) return;
  future->released = true;
  if (future->ended()) return erase(id);
  reap(future);
  settle();
}

void Futures::leave(const FuturePtr& future, FutureWaiter& waiter) {
  if (future->ended()) return;
  base::must_erase(future->waiters, &waiter, "a thread that waits stands at the futures that have not ended");
  reap(future);
  settle();
}

/// Cancels it when it was released and nobody wants its value.
void Futures::reap(const FuturePtr& future) {
  const bool wanted = future->needed_by != 0 || !future->waiters.empty();
  if (future->released && !future->ended() && !wanted) end_later(future, released());
}

// ---- the end of one ----

void Futures::end(const FuturePtr& future, Outcome outcome) {
  end_later(future, std::move(outcome));
  settle();
}

void Futures::settle() {
  while (!ending_.empty()) {
    auto [future, outcome] = std::move(ending_.front());
    ending_.pop_front();
    if (!future->ended()) end_now(future, std::move(outcome));
  }
}

void Futures::pause(const FuturePtr& future) {
  end_attempt(future, false);
  future->stage = Stage::kPaused;
  settle();
}

void Futures::end_attempt(const FuturePtr& future, bool kept) {
  RunningTask* const running = std::exchange(future->running, nullptr);
  if (running == nullptr) return;
  running->dropped = true;
  if (running->waiter != nullptr) running->waiter->changed.notify_one();
  if (!kept) close_unless_needed(running->claim);
}

void Futures::end_now(const FuturePtr& future, Outcome outcome) {
  end_attempt(future, outcome.ok() && outcome.may_hold_futures);
  if (future->stage == Stage::kReady) ready_.remove(future);
  future->stage = Stage::kEnded;
  future->outcome = std::move(outcome);
  future->call.reset();
  future->arguments = {};
  for (const FuturePtr& dependency : std::exchange(future->dependencies, {})) let_go(dependency);
  let_go_needed(future);
  for (FutureWaiter* const waiter : std::exchange(future->waiters, {})) {
    if (waiter->missing != 0 && --waiter->missing == 0) waiter->changed.notify_one();
  }
  for (const FuturePtr& dependent : future->dependents) {
    if (dependent->ended()) continue;
    if (!future->outcome.ok()) {
      end_later(dependent, dependency_failed(*future));
    } else if (--dependent->missing == 0 && dependent->stage == Stage::kWaiting) {
      make_ready(dependent);
    }
  }
  if (future->released) erase(future->id);
}

void Futures::let_go(const FuturePtr& dependency) {
  MORROW_INVARIANT(dependency->needed_by != 0, "a dependency is let go once", dependency->id.scope,
                   dependency->id.sequence);
  --dependency->needed_by;
  if (dependency->needed_by == 0) {
    dependency->dependents.clear();
  } else if (dependency->dependents.size() > 2 * dependency->needed_by + kStaleDependents) {
    std::erase_if(dependency->dependents, [](const FuturePtr& dependent) { return dependent->ended(); });
  }
  reap(dependency);
}

// ---- questions ----

std::vector<FuturePtr> Futures::unfinished(std::uint64_t scope) const {
  std::vector<FuturePtr> found;
  const auto there = scopes_.find(scope);
  if (there == scopes_.end()) return found;
  for (const auto& [unused, future] : there->second.futures) {
    if (!future->ended() && !future->released) found.push_back(future);
  }
  return found;
}

/// Another failure, or a cancel, that the program knows of has caused it.
bool Futures::is_expected(const Outcome& outcome) const {
  if (outcome.failure != detail::FailureKind::kDependency) return false;
  const FuturePtr root = lookup(outcome.root);
  return root != nullptr && (root->seen || was_cancelled(root->outcome));
}

wire::SessionEnded Futures::loose_ends(std::span<const std::uint64_t> scopes) const {
  const FutureRecord* unfinished = nullptr;
  const FutureRecord* failure = nullptr;
  wire::SessionEnded ends;
  const auto is_earlier = [](const FutureRecord& one, const FutureRecord* other) {
    return other == nullptr || one.id.sequence < other->id.sequence;
  };
  for (const std::uint64_t scope : scopes) {
    const auto there = scopes_.find(scope);
    if (there == scopes_.end()) continue;
    for (const auto& [unused, future] : there->second.futures) {
      const Outcome& outcome = future->outcome;
      if (!future->ended() && !future->released) {
        ends.set_cancelled(ends.cancelled() + 1);
        if (is_earlier(*future, unfinished)) unfinished = future.get();
      } else if (future->ended() && !outcome.ok() && !was_cancelled(outcome) && !future->seen &&
                 !is_expected(outcome)) {
        ends.set_failed(ends.failed() + 1);
        if (is_earlier(*future, failure)) failure = future.get();
      }
    }
  }
  if (unfinished != nullptr)
    ends.set_unfinished(failed(detail::FailureKind::kCancelled, {}, *unfinished->call, 0).failure_bytes);
  if (failure != nullptr) ends.set_first(failure->outcome.failure_bytes);
  return ends;
}

std::string Futures::lineage(FutureId id) const {
  std::string path;
  for (auto scope = scopes_.find(id.scope); scope != scopes_.end(); scope = scopes_.find(id.scope)) {
    path += std::to_string(id.sequence) + " ";
    if (scope->second.owner == FutureId{}) {
      path += std::to_string(id.scope);
      break;
    }
    id = scope->second.owner;
  }
  return path;
}

}  // namespace morrow::runtime
