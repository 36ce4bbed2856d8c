#include "control/cluster.h"
#include "control/probe.h"
#include "control/transition.h"

// Which workers hold the values that are too large for a record.
namespace morrow::control {

void Transition::add_holder(FutureId id, std::uint64_t object) { tx.set(keys::holder(id, self), keys::u64(object)); }

void Transition::tell_freed(Epoch holder, std::uint64_t object) {
  if (holder == self && reports_freed) {
    freed.push_back(object);
  } else if (alive(holder)) {
    tx.set(keys::inbox_freed(holder, object), "");
    touch(holder);
  } else {
    probe<"an object was freed after its holder had died">();
  }
}

void Transition::free_object(FutureId id) {
  // With a conflict: a worker that has just copied it must not be missed.
  for (const auto& [key, object] : tx.scan(keys::holders(id), store::Read::kConflict)) {
    tell_freed(keys::read_u64(key, keys::kFuturePrefixBytes + 1), keys::read_u64(object, 0));
    tx.clear(key);
  }
}

OpResult apply(Transition& t, const op::Hold& op) {
  // A closing scope tells the holders that it meets on its walk: none may be added behind it.
  if (!t.scope(op.id.scope).open()) return verdict(Verdict::kAbsent);
  const Entry& entry = t.load(op.id);
  if (!entry.final() || entry.state.outcome().object().number() != op.number) return verdict(Verdict::kAbsent);
  t.add_holder(op.id, op.number);
  return {};
}

OpResult apply(Transition& t, const op::LetGo& op) {
  t.tx.clear(keys::holder(op.id, t.self));
  return {};
}

std::vector<WorkerInfo> object_holders(store::Store& store, FutureId id) {
  std::vector<WorkerInfo> holders;
  const auto view = store.begin_read();
  for (const auto& [key, object] : view->scan(keys::holders(id), store::Read::kSnapshot)) {
    const Epoch epoch = keys::read_u64(key, keys::kFuturePrefixBytes + 1);
    const auto alive = view->get(keys::epoch(epoch), store::Read::kSnapshot);
    if (!alive || parse_record<record::Epoch>(*alive).dying()) continue;
    if (const auto info = view->get(keys::info(epoch), store::Read::kSnapshot))
      holders.push_back(decode_worker(epoch, *info));
  }
  return holders;
}

}  // namespace morrow::control
