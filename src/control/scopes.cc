// SPDX-License-Identifier: Apache-2.0

// Lifetimes: a future lives as long as the scope that it was born in.
//
// Hard: a Future is a plain id that may be copied anywhere, so nobody can count its copies. Still nothing may stay in
// the store for ever, and what an execution submitted must go when the execution failed and is tried again.
//
// Solved by scopes: a session, a Scope block of the user, or the claim of an execution. Ids begin with their scope, so
// its futures are a range of keys, and an end clears ranges instead of following references. The scope of an execution
// costs nothing until it submits something: the first submit makes the record. A result that may carry handles lets the
// future's own scope adopt that of the execution.
//
// A scope that holds something is only marked as closing here; every submit into it reads that mark with a conflict, so
// nothing is added from then on, and the walk in endings.cc needs no conflicts. The parent lists it until it is gone,
// so that the parent ends after its children.
//
// To read: docs/design.md, "Lifetimes are scopes". Structured concurrency (N. J. Smith, "Go statement considered
// harmful", 2018) is the same idea for threads.

#include "base/invariant.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

ScopeEntry& Transition::scope(ScopeId id) {
  const auto [it, fresh] = scopes_.try_emplace(id);
  if (fresh) {
    const auto read = planted(Fault::kScopeBySnapshot) ? store::Read::kSnapshot : store::Read::kConflict;
    if (const auto value = tx.get(keys::scope(id), read)) {
      it->second.exists = true;
      it->second.scope = parse_record<record::Scope>(*value);
    }
  }
  return it->second;
}

void Transition::save_scope(ScopeId id, ScopeEntry& entry) {
  MORROW_INVARIANT(id != 0, "a scope has a number", entry.scope.parent());
  MORROW_INVARIANT(!entry.scope.linked() || entry.scope.parent() != 0, "a scope that its parent lists has one", id);
  MORROW_INVARIANT(!entry.scope.session() || entry.scope.parent() == 0, "a session's scope has no parent", id,
                   entry.scope.parent());
  entry.exists = true;
  tx.set(keys::scope(id), serialize(entry.scope));
}

bool Transition::enter_scope(const Origin& origin, ScopeId id) {
  ScopeEntry& entry = scope(id);
  if (entry.exists && entry.scope.closing()) coverage_mark<"a scope that closes was to be entered">();
  if (entry.exists) return !entry.scope.closing();
  if (origin.kind != Origin::Kind::kExecution || origin.claim != id) return false;
  // The first thing that this execution submits: its claim becomes a scope. `accept` has seen that it holds its future.
  entry.scope.set_parent(origin.future.scope);
  put_id(origin.future, *entry.scope.mutable_owner());
  save_scope(id, entry);
  Entry& parent = load(origin.future);
  MORROW_INVARIANT(parent.exists && parent.status() == Status::kClaimed && parent.state.claim() == id,
                   "an execution that opens a scope holds its future", origin.future, id, parent.state.claim());
  parent.state.set_has_scope(true);
  save(origin.future, parent);
  return true;
}

bool Transition::scope_empty(ScopeId id) {
  std::vector<store::Range> ranges{keys::children(id)};
  for (int bucket = 0; bucket < keys::kBuckets; ++bucket) ranges.push_back(keys::scope_futures(id, bucket));
  // Found something by snapshot: nobody needs to conflict over it.
  for (const auto& range : ranges) {
    if (!tx.scan(range, store::Read::kSnapshot, 1).empty()) return false;
  }
  for (const auto& range : ranges) {
    if (!tx.scan(range, store::Read::kConflict, 1).empty()) return false;
  }
  return true;
}

void Transition::remove_scope(ScopeId id, ScopeEntry& entry) {
  MORROW_INVARIANT(entry.exists, "a scope that is removed is there", id, entry.scope.parent());
  tx.clear(keys::scope(id));
  if (entry.scope.linked()) tx.clear(keys::child(entry.scope.parent(), id));
  if (!entry.scope.detached().empty()) remove_uses(id);
  entry.exists = false;
}

void Transition::close_scope(ScopeId id, ScopeEntry& entry) {
  if (!entry.open()) return;
  const bool named = !entry.scope.detached().empty() && !entry.scope.ends_later();
  // Another may have it at once.
  if (named && !planted(Fault::kKeptName)) tx.clear(keys::name(entry.scope.detached()));
  const bool needed = !tx.scan(keys::needed(id), store::Read::kConflict, 1).empty();
  if (!needed && !entry.scope.session() && scope_empty(id)) {
    remove_scope(id, entry);
    return;
  }
  // The parent lists it, so that the parent's end waits for it.
  if (!entry.scope.linked() && entry.scope.parent() != 0 && !planted(Fault::kUnlistedScope)) {
    tx.set(keys::child(entry.scope.parent(), id), "");
    entry.scope.set_linked(true);
  }
  if (needed) {
    entry.scope.set_ends_later(true);
    return save_scope(id, entry);
  }
  entry.scope.set_closing(true);
  save_scope(id, entry);
  record::Ending ending;
  tx.set(keys::ending(id), serialize(ending));
  endings.push_back(id);
}

OpResult apply(Transition& t, const op::OpenScope& op) {
  if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  if (!t.enter_scope(op.origin, op.parent)) return verdict(Verdict::kAbsent);
  ScopeEntry& entry = t.scope(op.scope);
  if (entry.exists) return verdict(Verdict::kAgain);
  entry.scope = record::Scope();
  entry.scope.set_parent(op.parent);
  entry.scope.set_linked(true);
  t.tx.set(keys::child(op.parent, op.scope), "");
  t.save_scope(op.scope, entry);
  return {};
}

OpResult apply(Transition& t, const op::EndScope& op) {
  if (const Verdict passed = t.accept(op.origin); passed != Verdict::kDone) return verdict(passed);
  ScopeEntry& entry = t.scope(op.scope);
  if (!entry.exists) return verdict(Verdict::kAbsent);
  t.close_scope(op.scope, entry);
  return {};
}

}  // namespace morrow::control
