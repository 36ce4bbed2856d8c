// SPDX-License-Identifier: Apache-2.0

// A detached future outlives the session that submitted it, until it is released.
//
// Hard: everything in the store belongs to a scope that ends some time, so that nothing stays for ever; and a name may
// have one owner only, also when its driver dies in the middle or sends its submit again.
//
// Solved with what there is. The driver opens a scope of its own for the future, as for a block, and puts its large
// arguments there. The submit takes that scope out of its parent and writes the name, in one transaction: a driver that
// dies before leaves a scope that ends with its session. Each such scope holds one future, its arguments, and what the
// future's result hands out, so to release it is to end the scope, and the name goes with that. The scope is a user of
// the program and its files, as a session is, so that they stay in the store until a worker needs them.
//
// What it depends on belongs to other scopes: the driver's session, mostly. While it has not ended these, and those
// that they are in, don't end either: an end that comes meanwhile is noted (`ends_later`), and made up for by the end
// of the last detached future that needs the scope. All in it lives on until then, since what one of its futures needs
// itself may be anywhere in it.
//
// A task that is tried again submits its detached future again, and meets the name of its own first attempt's. That one
// goes on, and the second submit is of no effect but that it is noted under the name, so that whoever asks for the name
// learns that the future is his. Who submitted is told by the numbers of the task and of all tasks above it in their
// parents' scopes: those are the same at each attempt, where ids are not.
//
// To read: scopes.cc; docs/design.md, "Detached futures".

#include <set>
#include <vector>

#include "base/invariant.h"
#include "control/cluster.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

std::string Transition::lineage(FutureId id) {
  std::string path;
  for (int depth = 0; depth < kDeepestScope; ++depth) {
    path += keys::u64(id.sequence);
    const ScopeEntry& entry = scope(id.scope);
    if (!entry.exists) return {};
    if (!entry.scope.has_owner()) return path + keys::u64(id.scope);
    id = read_id(entry.scope.owner());
  }
  return {};
}

bool Transition::detach(FutureId id, const Spec& spec, const Origin& origin) {
  ScopeEntry& entry = scope(id.scope);
  MORROW_INVARIANT(entry.open(), "a future that is detached was born in a scope that is open", id);
  if (!entry.scope.detached().empty()) return entry.scope.detached() == spec.name;
  if (entry.scope.session() || entry.scope.has_owner() || spec.name.empty() || spec.name.size() > keys::kMaxNameBytes)
    return false;  // no scope of its own, or no name
  const std::string key = keys::name(spec.name);
  const std::string submitter = origin.kind == Origin::Kind::kExecution ? lineage(origin.future) : std::string();
  if (const auto taken = tx.get(key, store::Read::kConflict)) {
    auto name = parse_record<record::Name>(*taken);
    const bool of_last_attempt = !submitter.empty() && name.submitter() == submitter && name.claim() != origin.claim;
    if (of_last_attempt) {
      name.set_claim(origin.claim);
      put_id(id, *name.mutable_again());
      tx.set(key, serialize(name));
    }
    return false;
  }
  record::Name name;
  put_id(id, *name.mutable_future());
  name.set_submitter(submitter);
  name.set_claim(origin.claim);
  tx.set(key, serialize(name));
  add_user(tx, keys::kProgram, spec.program, id.scope);
  for (const auto& [used, unused] : tx.scan(keys::uses(spec.session), store::Read::kSnapshot, kUsesLimit)) {
    const keys::Use one = keys::read_use(used);
    if (one.family == keys::kBlob) add_user(tx, one.family, one.hash, id.scope);
  }
  entry.scope.set_detached(spec.name);
  if (!planted(Fault::kEndedWithSession)) {
    if (entry.scope.linked()) tx.clear(keys::child(entry.scope.parent(), id.scope));
    entry.scope.set_linked(false);
    entry.scope.set_parent(0);
  }
  save_scope(id.scope, entry);
  return true;
}

void Transition::keep_needed(FutureId id, const Spec& spec) {
  std::set<ScopeId> all;
  for (const FutureId& dependency : spec.dependencies) {
    // All of them up to the outermost, or none: one that closes ends what is below it, and would wait for that for
    // ever.
    std::vector<ScopeId> chain;
    ScopeId at = dependency.scope;
    const auto is_kept = [&] { return at == 0 || at == id.scope || all.contains(at); };
    for (; !is_kept() && scope(at).open(); at = scope(at).scope.parent()) chain.push_back(at);
    if (is_kept()) all.insert(chain.begin(), chain.end());
  }
  if (all.empty()) return;
  ScopeEntry& own = scope(id.scope);
  own.scope.mutable_needs()->Assign(all.begin(), all.end());
  save_scope(id.scope, own);
  for (const ScopeId one : all) tx.set(keys::needed(one, id.scope), "");
}

void Transition::let_go_needed(FutureId id) {
  ScopeEntry& own = scope(id.scope);
  if (own.scope.needs().empty()) return;
  const std::vector<ScopeId> all(own.scope.needs().begin(), own.scope.needs().end());
  own.scope.clear_needs();
  save_scope(id.scope, own);
  for (const ScopeId one : all) {
    tx.clear(keys::needed(one, id.scope));
    ScopeEntry& entry = scope(one);
    if (!entry.open() || !entry.scope.ends_later()) continue;
    if (tx.scan(keys::needed(one), store::Read::kConflict, 1).empty()) close_scope(one, entry);
  }
}

std::optional<NamedFuture> find_named(store::Store& store, std::string_view name) {
  if (name.size() > keys::kMaxNameBytes) return std::nullopt;
  const auto value = store.begin_read()->get(keys::name(name), store::Read::kSnapshot);
  if (!value) return std::nullopt;
  const auto found = parse_record<record::Name>(*value);
  return NamedFuture{read_id(found.future()), found.has_again() ? read_id(found.again()) : FutureId{}};
}

std::optional<std::string> program_used(store::Store& store, SessionId user) {
  for (const auto& [key, unused] : store.begin_read()->scan(keys::uses(user), store::Read::kSnapshot, kUsesLimit)) {
    const keys::Use one = keys::read_use(key);
    if (one.family == keys::kProgram) return get_program(store, one.hash);
  }
  return std::nullopt;
}

}  // namespace morrow::control
