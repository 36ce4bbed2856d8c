// SPDX-License-Identifier: Apache-2.0

// Work that is done in chunks, by any worker that finds it: the ends of scopes, fan-outs, checks that were left behind.
//
// Hard: a scope may hold a million futures, nested scopes, and running tasks on workers that are dead. One transaction
// can't end it; a worker that ends it in many may die between two of them; and two workers may work on the same one.
//
// Solved by a record for each piece of work that says how far it has come (`Ending`, `Fanout`). A step reads it with a
// conflict, does a bounded part, and writes it back: of two workers at the same work one fails and finds it done. A
// step looks for the deepest scope below first. The walk cancels what is not final and tells the holders of values;
// snapshots suffice, since nothing is added to a closing scope. Then the ranges are cleared, and the record last.
//
// To read: docs/store.md, "The end of a scope".

#include "base/invariant.h"
#include "control/cluster.h"
#include "control/coverage_mark.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::size_t kWalkKeys = 250;
constexpr int kWalkEnds = 10;

/// A program is small, and each driver brings its own again: it goes with its last user. (The files of images stay for
/// the next one.)
void remove_unused_program(Transition& t, std::string_view program) {
  if (!t.tx.scan(keys::content_users(keys::kProgram, program), store::Read::kConflict, 1).empty()) return;
  for (const auto& [key, unused] : t.tx.scan(keys::content_parts(keys::kProgram, program), store::Read::kConflict)) {
    t.tx.clear(key);
  }
  t.tx.clear(keys::content_header(keys::kProgram, program));
  t.tx.clear(keys::content_mark(keys::kProgram, program));
}

/// The session's own keys go last, after all it held.
void remove_session(Transition& t, SessionId id) {
  t.remove_uses(id);
  SessionEntry& entry = t.session(id);
  if (!entry.exists) return;
  t.tx.clear(keys::attached(entry.session.incarnation(), id));
  t.tx.clear(keys::orphan(id));
  t.tx.clear(keys::session(id));
  entry.exists = false;
}

/// Walks the futures of a closing scope. Nothing is added to it any more, so snapshots show them all.
class Walk {
 public:
  Walk(Transition& t, ScopeId scope) : t_(t), scope_(scope) {
    if (const auto value = t.tx.get(keys::ending(scope), store::Read::kConflict))
      at_ = parse_record<record::Ending>(*value);
  }

  /// True while there is more to walk.
  bool step() {
    MORROW_INVARIANT(at_.bucket() < keys::kBuckets, "a walk is in one of the scope's ranges", scope_, at_.bucket());
    store::Range range = keys::scope_futures(scope_, static_cast<int>(at_.bucket()));
    if (!at_.cursor().empty()) range.begin = at_.cursor();
    const auto pairs = t_.tx.scan(range, store::Read::kSnapshot, kWalkKeys);
    for (const auto& [key, value] : pairs) {
      if (ends_ == kWalkEnds || !pass(key, value)) return suspend();
      at_.set_cursor(key + '\0');
    }
    if (pairs.size() < kWalkKeys) {
      at_.set_bucket(at_.bucket() + 1);
      at_.clear_cursor();
      if (at_.bucket() == keys::kBuckets) return false;
    }
    return suspend();
  }

 private:
  bool suspend() {
    t_.tx.set(keys::ending(scope_), serialize(at_));
    return true;
  }

  /// Deals with one key; false when it needs another step.
  bool pass(const std::string& key, const std::string& value) {
    const FutureId id = keys::future_of(key);
    if (keys::suffix_of(key) == keys::kHolder) {
      t_.tell_freed(keys::neighbour_worker(key), keys::read_u64(value, 0));
      return true;
    }
    if (keys::suffix_of(key) == keys::kState) {
      const auto seen = parse_record<record::State>(value);
      if (is_final(seen) && seen.fanout() == 0) return true;
      return end(id, Outcome{FailureKind::kReleased, {}, {}}, true);
    }
    if (keys::suffix_of(key) == keys::kEdge) {
      // A dependent from outside that has not begun can't run any more.
      const FutureId dependent = keys::other_future(key);
      if (dependent.scope != scope_) coverage_mark<"a scope ended under a dependent from outside">();
      if (dependent.scope != scope_) end(dependent, Outcome{FailureKind::kReleased, {}, id}, false);
    }
    return true;
  }

  bool end(FutureId id, const Outcome& outcome, bool running_too) {
    ++ends_;
    const Neighbours neighbours = t_.neighbours(id);
    Entry& entry = t_.load(id);
    if (!entry.exists) return true;
    if (!entry.final()) {
      if (entry.status() == Status::kClaimed && !running_too) return true;
      coverage_mark<"the end of a scope cancelled a future">();
      t_.tell_holder(id, entry);
      t_.finish(id, entry, neighbours, outcome);
    } else if (entry.state.fanout() != 0 && running_too) {
      t_.fan_out(id);
    }
    return !entry.exists || entry.state.fanout() == 0 || !running_too;
  }

  Transition& t_;
  const ScopeId scope_;
  record::Ending at_;
  int ends_ = 0;
};

/// One chunk of the end of a scope without children. True while there is more.
bool end_chunk(Transition& t, ScopeId id) {
  ScopeEntry& entry = t.scope(id);
  if (!entry.exists) return false;
  if (!entry.scope.closing()) {
    t.close_scope(id, entry);
    return entry.exists;
  }
  const bool more = Walk(t, id).step();
  t.settle();
  if (more) return true;
  if (!t.tx.scan(keys::children(id), store::Read::kConflict, 1).empty()) return true;
  MORROW_INVARIANT(entry.scope.closing(), "a scope is emptied while it closes", id);
  for (int bucket = 0; bucket < keys::kBuckets; ++bucket) t.tx.clear_range(keys::scope_futures(id, bucket));
  const bool session = entry.scope.session();
  t.remove_scope(id, entry);
  t.tx.clear(keys::ending(id));
  if (session) remove_session(t, id);
  return false;
}

}  // namespace

void Transition::remove_uses(ScopeId user) {
  for (const auto& [key, unused] : tx.scan(keys::uses(user), store::Read::kConflict, kUsesLimit)) {
    const keys::Use use = keys::read_use(key);
    tx.clear(keys::content_user(use.family, use.hash, user));
    tx.clear(key);
    if (use.family == keys::kProgram) remove_unused_program(*this, use.hash);
  }
}

std::vector<ScopeId> endings(store::Store& store) {
  std::vector<ScopeId> out;
  for (const auto& [key, unused] : store.begin_read()->scan(keys::endings(), store::Read::kSnapshot)) {
    out.push_back(keys::number_of(key));
  }
  return out;
}

bool ending_step(store::Store& store, Incarnation self, ScopeId scope) {
  bool more = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    more = false;
    Transition t(transaction, self);
    const ScopeEntry& entry = t.scope(scope);
    if (!t.alive(self) || !entry.exists || !entry.scope.closing()) return;
    ScopeId deepest = scope;
    for (int depth = 0; depth < kDeepestScope; ++depth) {
      const auto child = transaction.scan(keys::children(deepest), store::Read::kSnapshot, 1);
      if (child.empty()) break;
      deepest = keys::child_of(child.front().key);
    }
    more = end_chunk(t, deepest) || deepest != scope;
  });
  return more;
}

bool fanout_step(store::Store& store, Incarnation incarnation) {
  bool more = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    more = false;
    Transition t(transaction, incarnation);
    if (!t.alive(incarnation)) return;
    const auto first = transaction.scan(keys::fanouts(incarnation), store::Read::kSnapshot, 1);
    if (first.empty()) return;
    more = true;
    const FutureId id = keys::listed_future(first.front().key);
    if (t.load(id).state.fanout() == incarnation) {
      t.fan_out(id);
      t.settle();
    } else {
      transaction.clear(first.front().key);
    }
  });
  return more;
}

std::vector<FutureId> pending_checks(store::Store& store, Incarnation incarnation, std::size_t limit) {
  std::vector<FutureId> out;
  for (const auto& [key, unused] :
       store.begin_read()->scan(keys::checks(incarnation), store::Read::kSnapshot, 2 * limit)) {
    out.push_back(keys::listed_future(key));
  }
  out = distinct(out);
  if (out.size() > limit) out.resize(limit);
  return out;
}

bool fail_ready(store::Store& store, Incarnation self, FutureId id, const Outcome& outcome) {
  bool failed = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    failed = false;
    Transition t(transaction, self);
    const Neighbours neighbours = t.neighbours(id);
    Entry& entry = t.load(id);
    if (!t.alive(self) || !entry.exists || entry.status() != Status::kReady) return;
    t.finish(id, entry, neighbours, outcome);
    t.settle();
    failed = true;
  });
  return failed;
}

}  // namespace morrow::control
