// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "base/invariant.h"
#include "control/cluster.h"
#include "control/coverage_mark.h"
#include "control/faults.h"
#include "control/transition.h"

// Which workers hold the values that are too large for a record.
namespace morrow::control {

void Transition::add_holder(FutureId id, std::uint64_t object) {
  MORROW_INVARIANT(self != 0 && object != 0, "a worker holds an object that has a number", id, self, object);
  tx.set(keys::holder(id, self), keys::u64(object));
}

void Transition::tell_freed(Incarnation holder, std::uint64_t object) {
  if (holder == self && reports_freed) {
    freed.push_back(object);
  } else if (alive(holder)) {
    tx.set(keys::inbox_freed(holder, object), "");
    touch(holder);
  } else {
    coverage_mark<"an object was freed after its holder had died">();
  }
}

void Transition::free_object(FutureId id) {
  // With a conflict: a worker that has just copied it must not be missed.
  const auto read = planted(Fault::kFreedBySnapshot) ? store::Read::kSnapshot : store::Read::kConflict;
  for (const auto& [key, object] : tx.scan(keys::holders(id), read)) {
    tell_freed(keys::neighbour_worker(key), keys::read_u64(object, 0));
    tx.clear(key);
  }
}

Transition::Home Transition::home_of(const Runnable& runnable) {
  constexpr std::uint64_t kWorthTheWay = 1 << 20;       // less is here sooner than the other worker wakes up
  constexpr std::uint64_t kWait = 100'000;              // µs
  constexpr std::uint64_t kBytesPerMicrosecond = 1000;  // about what a transfer makes
  MORROW_INVARIANT(runnable.dependencies.size() == runnable.spec->dependencies.size(),
                   "a run has all that it depends on", runnable.id, runnable.dependencies.size());
  std::uint64_t here = 0;
  std::map<Incarnation, std::uint64_t> there;
  for (std::size_t i = 0; i < runnable.dependencies.size(); ++i) {
    const ObjectRef& object = runnable.dependencies[i]->object;
    if (!object) continue;
    const bool is_here = object.maker == self ||
                         tx.get(keys::holder(runnable.spec->dependencies[i], self), store::Read::kSnapshot).has_value();
    (is_here ? here : there[object.maker]) += object.size;
  }
  const auto most =
      std::max_element(there.begin(), there.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == there.end() || most->second < here + kWorthTheWay) return {};
  // It must be able to run it. Snapshots: should it go meanwhile, others take the future a little later.
  const auto alive = tx.get(keys::incarnation(most->first), store::Read::kSnapshot);
  const auto info = tx.get(keys::info(most->first), store::Read::kSnapshot);
  if (!alive || !info || parse_record<record::Incarnation>(*alive).dying()) return {};
  if (!runnable.spec->requirements.fits_in(decode_worker(most->first, *info).total)) return {};
  coverage_mark<"a future went to the worker that has its values">();
  return {most->first, std::min(kWait + (most->second - here) / kBytesPerMicrosecond, keys::kLongestKept)};
}

OpResult apply(Transition& t, const op::AddReplica& op) {
  // A closing scope tells the holders that it meets on its walk: none may be added behind it.
  if (!t.scope(op.id.scope).open()) return verdict(Verdict::kAbsent);
  const Entry& entry = t.load(op.id);
  if (planted(Fault::kReplicaOfGone) && entry.exists) {
    t.add_holder(op.id, op.number);
    return {};
  }
  if (!entry.final() || entry.state.outcome().object().number() != op.number) return verdict(Verdict::kAbsent);
  t.add_holder(op.id, op.number);
  return {};
}

OpResult apply(Transition& t, const op::DropReplica& op) {
  t.tx.clear(keys::holder(op.id, t.self));
  return {};
}

void forget_holders(store::Store& store, Incarnation self, FutureId id, std::uint64_t number,
                    const std::vector<Incarnation>& holders) {
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    Transition t(transaction, self);
    if (!t.alive(self)) return;
    for (const Incarnation holder : holders) {
      const std::string key = keys::holder(id, holder);
      const auto object = transaction.get(key, store::Read::kConflict);
      if (!object || keys::read_u64(*object, 0) != number) continue;
      coverage_mark<"a worker has not what the store says that it has">();
      transaction.clear(key);
      t.tell_freed(holder, number);
    }
  });
}

namespace {

/// The living workers that hold this object.
std::vector<Incarnation> living_holders(store::Transaction& view, FutureId id, std::uint64_t number) {
  std::vector<Incarnation> holders;
  for (const auto& [key, object] : view.scan(keys::holders(id), store::Read::kSnapshot)) {
    if (keys::read_u64(object, 0) != number) continue;
    const Incarnation incarnation = keys::neighbour_worker(key);
    const auto alive = view.get(keys::incarnation(incarnation), store::Read::kSnapshot);
    if (alive && !parse_record<record::Incarnation>(*alive).dying()) holders.push_back(incarnation);
  }
  return holders;
}

}  // namespace

std::vector<WorkerInfo> object_holders(store::Store& store, FutureId id, std::uint64_t number) {
  std::vector<WorkerInfo> holders;
  const auto view = store.begin_read();
  for (const Incarnation incarnation : living_holders(*view, id, number)) {
    if (const auto info = view->get(keys::info(incarnation), store::Read::kSnapshot))
      holders.push_back(decode_worker(incarnation, *info));
  }
  return holders;
}

bool give_up_copy(store::Store& store, Incarnation self, FutureId id, std::uint64_t number) {
  bool given_up = false;
  store.transact(store::Room::kFree, [&](store::Transaction& transaction) {
    given_up = false;
    Transition t(transaction, self);
    if (!t.alive(self)) return;
    bool is_known = false;
    bool stays_elsewhere = false;
    // With conflicts, all of it: another holder may give up its own copy, leave or be evicted in this moment.
    for (const auto& [key, object] : transaction.scan(keys::holders(id), store::Read::kConflict)) {
      if (keys::read_u64(object, 0) != number) continue;
      const Incarnation holder = keys::neighbour_worker(key);
      if (holder == self) {
        is_known = true;
      } else if (t.alive(holder)) {
        const auto info = transaction.get(keys::info(holder), store::Read::kConflict);
        stays_elsewhere |= info && !decode_worker(holder, *info).draining;
      }
    }
    if (!is_known || !stays_elsewhere) return;
    transaction.clear(keys::holder(id, self));
    given_up = true;
  });
  return given_up;
}

std::vector<SoleValue> sole_values(store::Store& store, Incarnation self, const std::vector<HeldValue>& held) {
  std::vector<SoleValue> sole;
  const auto view = store.begin_read();
  for (const HeldValue& value : held) {
    const auto bytes = view->get(keys::state(value.future), store::Read::kSnapshot);
    if (!bytes) continue;
    const auto state = parse_record<record::State>(*bytes);
    if (!is_final(state) || state.outcome().object().number() != value.number) continue;
    const auto holders = living_holders(*view, value.future, value.number);
    if (std::any_of(holders.begin(), holders.end(), [self](Incarnation holder) { return holder != self; })) continue;
    sole.push_back({value, state.spec_parts() != 0});  // a future keeps its specification when it can run again
  }
  return sole;
}

}  // namespace morrow::control
