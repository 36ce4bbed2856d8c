// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "base/invariant.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/sources.h"
#include "control/transition.h"

namespace morrow::control {
namespace {

constexpr std::uint32_t bit(Status status) { return 1U << static_cast<std::uint32_t>(status); }

constexpr std::uint32_t kDropped = bit(Status::kFailed) | bit(Status::kCancelled);
constexpr std::uint32_t kBegins = bit(Status::kWaiting) | bit(Status::kReady) | bit(Status::kClaimed);

/// Where a future may go from each state; the first row is its birth.
constexpr std::array<std::uint32_t, 8> kWays = {
    bit(Status::kBuilding) | kBegins | bit(Status::kRealized) | kDropped,
    /* building */ kBegins | kDropped,
    /* waiting */ kBegins | kDropped,  // waits on when a dependency's value was lost
    /* ready */ kBegins | kDropped,    // from nowhere into the index, or out of it
    /* claimed */ bit(Status::kReady) | bit(Status::kRealized) | kDropped,
    /* realized */ bit(Status::kWaiting) | bit(Status::kReady),  // its value is lost and computed again
    /* failed */ 0,
    /* cancelled */ 0,
};

bool may_go(std::uint32_t from, Status to) {
  return from < kWays.size() && ((kWays[from] & bit(to)) != 0 || planted(Fault::kRetriedChildren));
}

}  // namespace

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

Neighbours Transition::neighbours(FutureId id) {
  Neighbours neighbours;
  auto read = store::Read::kConflict;
  if (planted(Fault::kLostWakeUp)) {
    load(id);
    read = store::Read::kSnapshot;
  }
  const auto pairs = tx.scan(keys::neighbours(id), read, kNeighbourLimit + 1);
  neighbours.complete = pairs.size() <= kNeighbourLimit;
  if (!neighbours.complete) coverage_mark<"a future has more neighbours than one scan takes">();
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
        neighbours.dependents.push_back(keys::other_future(key));
        break;
      case keys::kNeed:
        neighbours.needs.push_back(keys::other_future(key));
        break;
      case keys::kWaiter:
        neighbours.waiters.push_back(keys::neighbour_worker(key));
        break;
      default:
        break;
    }
  }
  return neighbours;
}

void Transition::move_to(FutureId id, Entry& entry, Status status) {
  const std::uint32_t from = entry.exists ? entry.state.status() : 0;
  MORROW_INVARIANT(may_go(from, status), "a future goes only where its state allows", id, from, status);
  entry.state.set_status(static_cast<std::uint32_t>(status));
  entry.unclaimed = false;
}

void Transition::note_record(Entry& entry) {
  entry.exists = true;
  if (!entry.counted) ++records;
  entry.counted = true;
}

void Transition::save(FutureId id, Entry& entry) {
  const record::State& state = entry.state;
  MORROW_INVARIANT(is_consistent(state), "the fields of a state agree", id, state.status(), state.claim(),
                   state.incarnation(), state.has_scope(), state.index_key(), state.has_outcome(), state.fanout(),
                   state.spec_parts());
  note_record(entry);
  tx.set(keys::state(id), serialize(entry.state));
}

bool Transition::create_final(FutureId id, const Outcome& outcome, const Spec& spec) {
  // Somebody may have asked for it before, in this very transaction.
  const auto known = futures_.find(id);
  const std::string key = keys::state(id);
  if (known == futures_.end() ? tx.get(key, store::Read::kConflict).has_value() : known->second.exists) return false;
  MORROW_INVARIANT(outcome.ok() || !outcome.object, "a failure has no value", id, outcome.failure);
  const bool may_be_lost = outcome.object && can_run_again(spec);
  if (may_be_lost || known != futures_.end()) {
    Entry& entry = futures_[id];
    move_to(id, entry, final_status(outcome));
    put_outcome(outcome, *entry.state.mutable_outcome());
    entry.state.set_detached(spec.detached);
    if (may_be_lost) {
      entry.state.set_dependencies(static_cast<std::uint32_t>(distinct(spec.dependencies).size()));
      entry.state.set_shape(shape_of(spec).value_or(""));
      write_spec(id, entry, encode_spec(spec));
    }
    save(id, entry);
    if (outcome.object) add_holder(id, outcome.object.number);
    return true;
  }
  final_.set_status(static_cast<std::uint32_t>(final_status(outcome)));
  final_.set_detached(spec.detached);
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
  MORROW_INVARIANT(entry.exists && entry.final(), "a future that is freed is final", id, entry.exists, entry.status());
  MORROW_INVARIANT(entry.state.released(), "a future that is freed was released", id, entry.status());
  MORROW_INVARIANT(entry.state.fanout() == 0, "a future is freed when all were served", id, entry.state.fanout());
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
  MORROW_INVARIANT(entry.state.spec_parts() == 0, "a specification is written once", id, entry.state.spec_parts());
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
  MORROW_INVARIANT(entry.state.index_key().empty(), "a future stands in the index once", id, entry.state.index_key());
  MORROW_INVARIANT(entry.state.claim() == 0 || planted(Fault::kRetriedChildren),
                   "a future in the index is claimed by nobody", id, entry.state.claim(), entry.state.incarnation());
  // Entries of a shard stand about in the order in which they came.
  const std::uint64_t now = sources::microseconds();
  const std::uint64_t order = home.worker == 0 ? keys::order_at(now) : keys::kept_until(now + home.within);
  const Incarnation shard_owner = home.worker == 0 ? self : home.worker;
  std::string key = keys::index_entry(entry.state.shape(), keys::shard_of(shard_owner), order, id);
  tx.set(key, "");
  move_to(id, entry, Status::kReady);
  MORROW_INVARIANT(home.worker == 0 || home.worker != self, "a future is kept for another worker", id, home.worker);
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
  MORROW_INVARIANT(claim != 0 && self != 0, "a claim has a number and a worker", id, claim, self);
  MORROW_INVARIANT(entry.state.claim() == 0 || planted(Fault::kRetriedChildren), "a future has one claim at a time", id,
                   entry.state.claim(), claim);
  MORROW_INVARIANT(entry.state.index_key().empty(), "a claimed future has left the index", id, entry.state.index_key());
  move_to(id, entry, Status::kClaimed);
  entry.state.set_claim(claim);
  entry.state.set_incarnation(self);
  tx.set(keys::claimed(self, id), keys::u64(claim));
}

void Transition::unclaim(FutureId id, Entry& entry) {
  drop_claim(id, entry, false);
  move_to(id, entry, Status::kReady);
  entry.unclaimed = true;
}

void Transition::drop_claim(FutureId id, Entry& entry, bool adopt) {
  record::State& state = entry.state;
  MORROW_INVARIANT(entry.status() == Status::kClaimed && state.claim() != 0 && state.incarnation() != 0,
                   "a claim that ends is one", id, entry.status(), state.claim(), state.incarnation());
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
