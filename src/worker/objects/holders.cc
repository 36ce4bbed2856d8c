// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/holders.h"

#include <utility>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

Holders::Held Holders::gone(ProcessId process) {
  const auto found = held_.find(process);
  if (found == held_.end()) return {};
  Held held = std::move(found->second);
  held_.erase(found);
  return held;
}

void Holders::pin(ProcessId process, ObjectNumber object) {
  Held& held = base::must_find(held_, process, "a process that pins an object is known");
  MORROW_INVARIANT(!held.writes.contains(object), "an object is not read while it is written", process, object);
  ++held.pins[object];
}

bool Holders::unpin(ProcessId process, ObjectNumber object) {
  const auto found = held_.find(process);
  if (found == held_.end()) return false;
  const auto pins = found->second.pins.find(object);
  if (pins == found->second.pins.end()) return false;
  MORROW_INVARIANT(pins->second > 0, "a pin that is kept counts", process, object);
  if (--pins->second == 0) found->second.pins.erase(pins);
  return true;
}

void Holders::begin_writing(ProcessId process, ObjectNumber object) {
  Held& held = base::must_find(held_, process, "a process that writes an object is known");
  const bool is_new = held.writes.insert(object).second;
  MORROW_INVARIANT(is_new && !held.pins.contains(object), "an object is written before it is read, and once", process,
                   object);
}

bool Holders::end_writing(ProcessId process, ObjectNumber object) {
  const auto found = held_.find(process);
  return found != held_.end() && found->second.writes.erase(object) != 0;
}

bool Holders::holds_anything(ProcessId process) const {
  const Held* const held = find(process);
  return held != nullptr && !held->empty();
}

const Holders::Held* Holders::find(ProcessId process) const {
  const auto found = held_.find(process);
  return found == held_.end() ? nullptr : &found->second;
}

}  // namespace morrow::worker
