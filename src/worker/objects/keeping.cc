// SPDX-License-Identifier: Apache-2.0
// A worker that stood still for longer than the lease is evicted, and joins again as another one. Its memory is still
// what it was, and some values may lie nowhere else: so they go on from the old Objects to the new ones, as they lie.
//
// What does not: what a dead process wrote or looked at, what was on its way here (it is asked for anew), and the file
// that a thread was just writing. Drivers live on with the memory mapped, and may look at values or write into room
// that they were given until they are dead; so that stays taken as long.
//
// Whether the values are still wanted is the store's to say: the worker offers each of them as a copy (AddReplica).
#include <algorithm>
#include <utility>

#include "base/invariant.h"
#include "worker/objects/objects.h"

namespace morrow::worker {

using State = ObjectState;

namespace {

/// As it can go on; nothing when it can't.
std::optional<Object> kept(const Object& object, bool is_held) {
  Object copy;
  copy.number = object.number;
  copy.future = object.future;
  copy.size_bytes = object.size_bytes;
  copy.state = object.state;
  copy.extent = object.extent;
  copy.writer = object.writer;
  copy.stored = object.stored;
  copy.stored_bytes = object.stored_bytes;
  copy.promised_bytes = object.promised_bytes;
  copy.is_copy = object.is_copy;
  copy.freed = object.freed;
  copy.damaged = object.damaged;
  copy.made_ms = object.made_ms;
  copy.checksum = object.checksum;
  if (object.state == State::kComing) {
    if (!object.stored) return std::nullopt;
    copy.state = State::kOnDisk;
    copy.extent = {};
  }
  if (!is_held && (object.freed || copy.state == State::kWriting)) return std::nullopt;
  return copy;
}

}  // namespace

KeptObjects Objects::keep(const std::vector<ProcessId>& living) {
  background_.stop();
  KeptObjects all;
  std::unordered_map<std::uint64_t, bool> held;
  for (const ProcessId process : living) {
    if (!holders_.knows(process)) continue;
    Holders::Held holds = holders_.gone(process);
    for (const auto& [number, pins] : holds.pins) held[number] = true;
    for (const std::uint64_t number : holds.writes) held[number] = true;
    all.processes.push_back({process, std::move(holds)});
  }
  all.folder = spiller_.give_folder();
  for (const auto& [number, object] : table_.all()) {
    auto one = kept(*object, held.contains(number));
    const bool file_is_whole = one && (one->stored || (one->promised_bytes != 0 && !object->spilling));
    if (!file_is_whole) {
      all.folder->remove(number);
      if (one) one->promised_bytes = 0;
    }
    if (one) all.objects.push_back(std::move(*one));
  }
  all.arena = std::move(arena_);
  return all;
}

void Objects::take_over(KeptObjects& all) {
  for (Object& one : all.objects) {
    if (one.extent.size != 0) extents_.take(one.extent);
    Object& object = table_.adopt(std::move(one));
    spiller_.adopt(object);
    way_back_.note(object);
  }
  for (const KeptObjects::Process& process : all.processes) {
    came(process.id);
    for (const auto& [number, pins] : process.holds.pins) {
      Object& object = table_.get(number, "what a living process looks at was kept");
      for (std::uint32_t i = 0; i < pins; ++i) pin(process.id, object);
    }
    for (const std::uint64_t number : process.holds.writes) holders_.begin_writing(process.id, number);
  }
  for (const auto& [number, object] : table_.all()) table_.touch(*object);
}

}  // namespace morrow::worker
