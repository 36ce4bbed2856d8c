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
// To read: scopes.cc; docs/design.md, "Detached futures".

#include "base/invariant.h"
#include "control/cluster.h"
#include "control/faults.h"
#include "control/transition.h"

namespace morrow::control {

bool Transition::detach(FutureId id, const Spec& spec) {
  ScopeEntry& entry = scope(id.scope);
  MORROW_INVARIANT(entry.open(), "a future that is detached was born in a scope that is open", id);
  if (!entry.scope.detached().empty()) return entry.scope.detached() == spec.name;
  if (entry.scope.session() || entry.scope.has_owner() || spec.name.empty() || spec.name.size() > keys::kMaxNameBytes)
    return false;  // no scope of its own, or no name
  const std::string key = keys::name(spec.name);
  if (tx.get(key, store::Read::kConflict)) return false;
  record::Name name;
  put_id(id, *name.mutable_future());
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

std::optional<FutureId> find_named(store::Store& store, std::string_view name) {
  if (name.size() > keys::kMaxNameBytes) return std::nullopt;
  const auto value = store.begin_read()->get(keys::name(name), store::Read::kSnapshot);
  if (!value) return std::nullopt;
  return read_id(parse_record<record::Name>(*value).future());
}

std::optional<std::string> program_used(store::Store& store, SessionId user) {
  for (const auto& [key, unused] : store.begin_read()->scan(keys::uses(user), store::Read::kSnapshot, kUsesLimit)) {
    const keys::Use one = keys::read_use(key);
    if (one.family == keys::kProgram) return get_program(store, one.hash);
  }
  return std::nullopt;
}

}  // namespace morrow::control
