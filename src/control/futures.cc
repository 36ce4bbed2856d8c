// SPDX-License-Identifier: Apache-2.0
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {

Entry& Transition::load(FutureId id) {
  const auto [it, fresh] = futures_.try_emplace(id);
  if (fresh) {
    if (const auto value = tx.get(keys::state(id), store::Read::kConflict)) {
      it->second.exists = true;
      it->second.state = parse_record<record::State>(*value);
    }
  }
  return it->second;
}

Around Transition::around(FutureId id) {
  Around around;
  auto read = store::Read::kConflict;
  if (planted(Fault::kLostWakeUp)) {
    load(id);
    read = store::Read::kSnapshot;
  }
  const auto pairs = tx.scan(keys::neighbours(id), read, kAroundLimit + 1);
  around.complete = pairs.size() <= kAroundLimit;
  if (!around.complete) coverage_mark<"a future has more neighbours than one scan takes">();
  const auto [it, fresh] = futures_.try_emplace(id);
  for (const auto& [key, value] : pairs) {
    switch (keys::suffix_of(key)) {
      case keys::kState:
        if (fresh) {
          it->second.exists = true;
          it->second.state = parse_record<record::State>(value);
        }
        break;
      case keys::kEdge:
        around.dependents.push_back(keys::read_id(key, keys::kFuturePrefixBytes + 1));
        break;
      case keys::kNeed:
        around.needs.push_back(keys::read_id(key, keys::kFuturePrefixBytes + 1));
        break;
      case keys::kWaiter:
        around.waiters.push_back(keys::read_u64(key, keys::kFuturePrefixBytes + 1));
        break;
      default:
        break;
    }
  }
  return around;
}

void Transition::save(FutureId id, Entry& entry) {
  entry.exists = true;
  if (!entry.counted) ++records;
  entry.counted = true;
  tx.set(keys::state(id), serialize(entry.state));
}

bool Transition::create_final(FutureId id, const Outcome& outcome, const Spec& spec) {
  if (futures_.contains(id)) return false;
  const std::string key = keys::state(id);
  if (tx.get(key, store::Read::kConflict)) return false;
  if (outcome.object && can_run_again(spec)) {
    Entry& entry = futures_[id];
    entry.state.set_status(static_cast<std::uint32_t>(final_status(outcome)));
    entry.state.set_dependencies(static_cast<std::uint32_t>(distinct(spec.dependencies).size()));
    entry.state.set_shape(shape_of(spec).value_or(""));
    put_outcome(outcome, *entry.state.mutable_outcome());
    write_spec(id, entry, encode_spec(spec));
    save(id, entry);
    add_holder(id, outcome.object.number);
    return true;
  }
  final_.set_status(static_cast<std::uint32_t>(final_status(outcome)));
  final_.mutable_outcome()->clear_root();
  final_.mutable_outcome()->clear_object();
  put_outcome(outcome, *final_.mutable_outcome());
  final_.SerializeToString(&bytes_);
  tx.set(key, bytes_);
  ++records;
  if (outcome.object) add_holder(id, outcome.object.number);
  return true;
}

void Transition::erase(FutureId id, Entry& entry) {
  if (entry.state.outcome().has_object()) free_object(id);
  clear_spec(id, entry);
  tx.clear(keys::state(id));
  entry.exists = false;
  if (const ScopeId adopted = entry.state.adopted(); adopted != 0) {
    ScopeEntry& child = scope(adopted);
    if (child.open() && scope_empty(adopted)) {
      coverage_mark<"an adopted scope went with its future">();
      remove_scope(adopted, child);
    }
  }
}

SpecPtr Transition::spec(FutureId id, const record::State& state) {
  // It is immutable and lives as long as the state, which was read with a conflict.
  std::string bytes;
  for (std::uint32_t part = 0; part < state.spec_parts(); ++part) {
    bytes += tx.get(keys::specification(id, part), store::Read::kSnapshot).value_or("");
  }
  return decode_spec(bytes);
}

void Transition::write_spec(FutureId id, Entry& entry, const std::string& bytes) {
  std::uint32_t part = 0;
  for (std::size_t at = 0; at < bytes.size(); at += kSpecPartBytes) {
    tx.set(keys::specification(id, part++), std::string_view(bytes).substr(at, kSpecPartBytes));
  }
  entry.state.set_spec_parts(part);
  ++records;
}

void Transition::clear_spec(FutureId id, Entry& entry) {
  for (std::uint32_t part = 0; part < entry.state.spec_parts(); ++part) tx.clear(keys::specification(id, part));
  entry.state.set_spec_parts(0);
}

void Transition::enter_index(FutureId id, Entry& entry, const Home& home) {
  // Entries of a shard stand about in the order in which they came.
  const std::uint64_t now = sources::microseconds();
  const std::uint64_t order = home.worker == 0 ? keys::order_at(now) : keys::kept_until(now + home.within);
  const Incarnation shard_owner = home.worker == 0 ? self : home.worker;
  std::string key = keys::index_entry(entry.state.shape(), keys::shard_of(shard_owner), order, id);
  tx.set(key, "");
  entry.state.set_status(static_cast<std::uint32_t>(Status::kReady));
  entry.state.set_index_key(std::move(key));
  if (home.worker != 0) {
    if (alive(home.worker)) touch(home.worker);  // read by snapshot before
  } else {
    indexed = true;
  }
}

void Transition::leave_index(Entry& entry) {
  if (!entry.state.index_key().empty()) tx.clear(entry.state.index_key());
  entry.state.clear_index_key();
}

void Transition::hold(FutureId id, Entry& entry, Claim claim) {
  entry.state.set_status(static_cast<std::uint32_t>(Status::kClaimed));
  entry.state.set_claim(claim);
  entry.state.set_incarnation(self);
  tx.set(keys::claimed(self, id), keys::u64(claim));
}

void Transition::drop_claim(FutureId id, Entry& entry, bool adopt) {
  record::State& state = entry.state;
  tx.clear(keys::claimed(state.incarnation(), id));
  if (state.has_scope()) {
    const ScopeId claim = state.claim();
    ScopeEntry& own = scope(claim);
    if (own.open() && adopt && !planted(Fault::kNoAdoption) && scope(id.scope).open() && !scope_empty(claim)) {
      coverage_mark<"a scope was adopted with a result">();
      tx.set(keys::child(id.scope, claim), "");
      own.scope.set_linked(true);
      save_scope(claim, own);
      state.set_adopted(claim);
    } else if (own.open()) {
      close_scope(claim, own);
    }
  }
  state.set_has_scope(false);
  state.set_claim(0);
  state.set_incarnation(0);
}

}  // namespace morrow::control
