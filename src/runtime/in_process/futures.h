// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "runtime/in_process/future_record.h"
#include "runtime/in_process/ready_queue.h"

namespace morrow::runtime {

/// The futures of a session and the scopes that they belong to: what becomes of them when one of them ends, is released
/// or loses its scope, by the rules of control. Threads that wait are woken, and attempts whose end nobody wants any
/// more are marked. Runs nothing itself. Not thread-safe.
class Futures {
 public:
  explicit Futures(std::uint64_t session) { scopes_.emplace(session, Scope{}); }

  /// `owner`: of the scope of an attempt, its future.
  void open_scope(std::uint64_t scope, std::uint64_t parent, detail::FutureId owner = {});
  bool has_scope(std::uint64_t scope) const { return scopes_.contains(scope); }
  /// With all scopes inside it, and all futures in them; nothing when it is not there. Not while a detached future
  /// needs something in it.
  void end_scope(std::uint64_t scope);
  /// The same, whoever needs it.
  void end_session(std::uint64_t session);

  /// Null when there is none, or it was released.
  FuturePtr find(detail::FutureId id) const;
  /// Null when there is none; one that was released is there as long as somebody needs its value.
  FuturePtr lookup(detail::FutureId id) const;
  /// A new one with a task, whose scope is open.
  void submit(const FuturePtr& future, std::span<const detail::FutureId> dependencies);
  /// A new one with a value.
  void put(const FuturePtr& future);
  void release(detail::FutureId id);
  void end(const FuturePtr& future, Outcome outcome);
  /// A thread has waited for it, and does not any more.
  void leave(const FuturePtr& future, FutureWaiter& waiter);

  /// The next attempt can begin, as far as the future itself is concerned.
  void make_ready(const FuturePtr& future);
  ReadyQueue& ready() { return ready_; }
  /// Its attempt counts no more, and what that has submitted is freed; there will be another one.
  void pause(const FuturePtr& future);

  /// All that were born in the scope and have not ended, nor were released.
  std::vector<FuturePtr> unfinished(std::uint64_t scope) const;
  /// What the program may not know of: see wire::SessionEnded.
  wire::SessionEnded loose_ends(std::span<const std::uint64_t> scopes) const;
  /// Who submits in that scope, by the numbers of the tasks above: the same in each attempt of them.
  std::string lineage(detail::FutureId id) const;

 private:
  /// What futures belong to.
  struct Scope {
    std::uint64_t parent = 0;
    detail::FutureId owner;
    std::unordered_map<std::uint64_t, FuturePtr> futures;  ///< by their numbers
    std::unordered_set<std::uint64_t> inside;              ///< scopes
    std::size_t needed_by = 0;                             ///< detached futures that have not ended
    bool ends_later = false;                               ///< it was to end while it was needed
  };

  void insert(const FuturePtr& future);
  void erase(detail::FutureId id);
  void close_unless_needed(std::uint64_t scope);
  void close(std::uint64_t scope);
  void keep_needed(const FuturePtr& future);
  void let_go_needed(const FuturePtr& future);
  void drop(const Scope& scope, std::uint64_t id);
  void end_later(const FuturePtr& future, Outcome outcome) { ending_.emplace_back(future, std::move(outcome)); }
  void settle();
  void end_attempt(const FuturePtr& future, bool kept);
  void end_now(const FuturePtr& future, Outcome outcome);
  void let_go(const FuturePtr& dependency);
  void reap(const FuturePtr& future);
  bool is_expected(const Outcome& outcome) const;

  std::unordered_map<std::uint64_t, Scope> scopes_;
  ReadyQueue ready_;
  std::deque<std::pair<FuturePtr, Outcome>>
      ending_;  ///< what follows from one end is worked off here, not by recursion
};

}  // namespace morrow::runtime
