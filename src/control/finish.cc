// SPDX-License-Identifier: Apache-2.0

// The end of a future, and whatever follows from it.
//
// Hard: a future may end by its value, a failure, a cancel, the death of a worker or the end of its scope, each in
// another worker's transaction. Those who wait register at the same time. Nobody may be missed, nobody told twice, and
// a future with ten thousand waiters must not become a transaction that is too large to commit.
//
// Solved by keeping all that stand around a future under its own prefix (keys.h), and reading them in one scan with a
// conflict: a waiter that registers meanwhile makes either the end or itself fail, and then sees the other. The end
// posts the outcome to the inbox of each living waiter's worker, and a check for each dependent to this worker's own
// list; a later transaction decides whether the dependent can run. Beyond 100 neighbours the end only marks itself
// (`fanout`), and the rest is served in chunks by fan_out, in any worker.
//
// Freeing is counted by edges: each dependent pins its dependencies until it is final itself. Releases cascade (a
// cancelled future lets go of what only it needed), so they are worked off in a list and not by recursion, and a long
// chain goes on in another transaction.
//
// To read: docs/store.md, "The end of a future", "Release".

#include <utility>

#include "base/invariant.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::size_t kFanoutChunk = 100;

/// A signal only has to change.
std::string fresh_signal(Incarnation self) { return keys::u64(self) + keys::u64(++sources::signals); }

}  // namespace

Status final_status(const Outcome& outcome) {
  if (outcome.ok()) return Status::kRealized;
  const bool cancelled = outcome.failure == FailureKind::kCancelled ||
                         (outcome.failure == FailureKind::kReleased && outcome.root == FutureId{});
  return cancelled ? Status::kCancelled : Status::kFailed;
}

OutcomePtr bounded(OutcomePtr outcome) {
  if (outcome->bytes.size() <= kOutcomeBytes) return outcome;
  return std::make_shared<Outcome>(Outcome{FailureKind::kTooLarge, {}, {}});
}

bool Transition::alive(Incarnation incarnation) {
  const auto [it, fresh] = alive_.try_emplace(incarnation, false);
  if (fresh) {
    const auto value = tx.get(keys::incarnation(incarnation), store::Read::kConflict);
    it->second = value && !parse_record<record::Incarnation>(*value).dying();
  }
  return it->second;
}

void Transition::touch(Incarnation incarnation) {
  const auto known = alive_.find(incarnation);
  MORROW_INVARIANT(known != alive_.end() && known->second, "a worker that is woken lives", incarnation);
  if (touched_.insert(incarnation).second) tx.set(keys::signal(incarnation), fresh_signal(self));
}

void Transition::post_ended(Incarnation waiter, FutureId id, const record::State& state) {
  tx.clear(keys::waiter(id, waiter));
  const bool lives = alive(waiter);
  if (!lives) coverage_mark<"a waiter was dead">();
  if (!lives && !planted(Fault::kPostedToDead)) return;
  // The outcome goes along: the future may be freed before the worker reads its inbox.
  record::InboxItem item;
  *item.mutable_outcome() = state.outcome();
  tx.set(keys::inbox_ended(waiter, id), serialize(item));
  if (lives) touch(waiter);
}

void Transition::post_check(FutureId dependent, FutureId dependency, bool failed) {
  MORROW_INVARIANT(self != 0, "a check is for a worker's list", dependent, dependency);
  tx.clear(keys::need(dependent, dependency));
  if (planted(Fault::kEarlyDecision) && !tx.scan(keys::needs(dependent), store::Read::kSnapshot, 1).empty()) return;
  tx.set(keys::check(self, dependent, failed), keys::encode_id(dependency));
  checks.push_back(dependent);
  posted_.insert(dependent);
}

void Transition::tell_holder(FutureId id, const Entry& entry) {
  if (entry.status() != Status::kClaimed || !alive(entry.state.incarnation())) return;
  MORROW_INVARIANT(entry.state.claim() != 0, "a claimed future has a claim", id, entry.state.incarnation());
  record::InboxItem item;
  put_id(id, *item.mutable_future());
  tx.set(keys::inbox_cancelled(entry.state.incarnation(), entry.state.claim()), serialize(item));
  touch(entry.state.incarnation());
}

void Transition::finish(FutureId id, Entry& entry, const Neighbours& neighbours, const Outcome& outcome, bool adopt) {
  record::State& state = entry.state;
  MORROW_INVARIANT(!entry.final() && state.fanout() == 0, "a future ends once", id, entry.status(), state.fanout());
  MORROW_INVARIANT(outcome.ok() || !outcome.object, "a failure has no value", id, outcome.failure);
  if (entry.status() == Status::kReady) leave_index(entry);
  if (entry.unclaimed) tx.clear(keys::claimed(0, id));  // was never there
  if (entry.status() == Status::kClaimed) drop_claim(id, entry, adopt && outcome.ok());
  move_to(id, entry, final_status(outcome));
  put_outcome(outcome, *state.mutable_outcome());
  state.clear_crashes();
  if (outcome.object) add_holder(id, outcome.object.number);
  if (defer_ || !neighbours.complete || state.dependencies() > kUnpinLimit ||
      neighbours.waiters.size() * outcome.bytes.size() > kInboxBytes) {
    coverage_mark<"an end was left to a fan-out">();
    record::Fanout work;
    tx.set(keys::fanout(self, id), serialize(work));
    state.set_fanout(self);
    fanouts = true;
    save(id, entry);
    return;
  }
  for (const Incarnation waiter : neighbours.waiters) post_ended(waiter, id, state);
  for (const FutureId& dependent : neighbours.dependents) post_check(dependent, id, !outcome.ok());
  for (const FutureId& dependency : neighbours.needs) tx.clear(keys::need(id, dependency));
  if (state.dependencies() != 0) {
    for (const FutureId& dependency : distinct(spec(id, state)->dependencies)) unpin(id, dependency);
  }
  if (state.detached()) let_go_needed(id);
  // A value that lies with workers may be lost: then it is computed again.
  if (!outcome.object) clear_spec(id, entry);
  if (state.released() && (neighbours.dependents.empty() || planted(Fault::kReleasedWhileNeeded))) {
    coverage_mark<"a released future was freed by its end">();
    erase(id, entry);
  } else {
    save(id, entry);
  }
}

void Transition::unpin(FutureId dependent, FutureId dependency) {
  tx.clear(keys::edge(dependency, dependent));
  const Entry& entry = load(dependency);
  if (entry.exists && entry.state.released()) loose_.push_back(dependency);
}

void Transition::settle() {
  while (!loose_.empty()) {
    const FutureId id = loose_.back();
    loose_.pop_back();
    // A long chain of cancelled futures goes on in the fan-out of the one where this transaction stops.
    defer_ = ++reaped_ > kReapLimit;
    reap(id);
    defer_ = false;
  }
  MORROW_INVARIANT(loose_.empty() && !defer_, "what was let go is freed at the end of the operation", loose_.size());
  reaped_ = 0;
}

void Transition::reap(FutureId id) {
  Entry& entry = load(id);
  if (!entry.exists || !entry.state.released() || entry.state.fanout() != 0) return;
  if (entry.final()) {
    const bool needed = !tx.scan(keys::edges(id), store::Read::kConflict, 1).empty();
    if (!needed || planted(Fault::kReleasedWhileNeeded)) erase(id, entry);
    return;
  }
  const Neighbours near = neighbours(id);
  if (!near.complete || !near.dependents.empty()) return coverage_mark<"a release waits for dependents">();
  for (const Incarnation waiter : near.waiters) {
    if (alive(waiter)) return coverage_mark<"a release waits for a waiter">();
  }
  coverage_mark<"a release cancelled what nobody needs">();
  tell_holder(id, entry);
  finish(id, entry, near, Outcome{FailureKind::kReleased, {}, {}});
}

bool Transition::fan_out(FutureId id) {
  Entry& entry = load(id);
  const Incarnation owner = entry.state.fanout();
  if (!entry.exists || owner == 0) return false;
  MORROW_INVARIANT(entry.final(), "a future is served to others when it is final", id, entry.status(), owner);
  const std::string key = keys::fanout(owner, id);
  const auto value = tx.get(key, store::Read::kConflict);
  auto work = value ? parse_record<record::Fanout>(*value) : record::Fanout();
  const record::State& state = entry.state;
  const auto suspend = [&] {
    tx.set(key, serialize(work));
    return true;
  };
  if (!work.served()) {
    const auto pairs = tx.scan(keys::neighbours(id, work.cursor()), store::Read::kConflict, kFanoutChunk);
    std::size_t bytes = 0;
    for (const auto& [near, unused] : pairs) {
      work.set_cursor(near.substr(keys::kFuturePrefixBytes) + '\0');
      switch (keys::suffix_of(near)) {
        case keys::kEdge:
          post_check(keys::other_future(near), id, status_of(state) != Status::kRealized);
          break;
        case keys::kNeed:
          tx.clear(near);
          break;
        case keys::kWaiter:
          post_ended(keys::neighbour_worker(near), id, state);
          bytes += state.outcome().bytes().size();
          break;
        default:
          break;
      }
      if (bytes > kInboxBytes) return suspend();
    }
    work.set_served(pairs.size() < kFanoutChunk);
    return suspend();
  }
  if (state.dependencies() != 0) {
    const auto all = distinct(spec(id, state)->dependencies);
    const std::size_t begin = work.next_dependency();
    const std::size_t end = std::min(all.size(), begin + kFanoutChunk);
    for (std::size_t i = begin; i < end; ++i) unpin(id, all[i]);
    work.set_next_dependency(static_cast<std::uint32_t>(end));
    if (end < all.size()) return suspend();
  }
  MORROW_INVARIANT(work.served(), "dependencies are let go after all were served", id, work.next_dependency());
  tx.clear(key);
  entry.state.set_fanout(0);
  if (state.detached()) let_go_needed(id);
  if (!state.outcome().has_object()) clear_spec(id, entry);
  if (state.released() && tx.scan(keys::edges(id), store::Read::kConflict, 1).empty()) {
    erase(id, entry);
  } else {
    save(id, entry);
  }
  return false;
}

}  // namespace morrow::control
