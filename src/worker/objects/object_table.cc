// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/object_table.h"

#include <array>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::worker {

namespace {

using State = ObjectState;

/// The states that may follow each one, a bit each.
constexpr unsigned bit(State state) { return 1U << static_cast<unsigned>(state); }
constexpr std::array<unsigned, kObjectStates> kNext{
    bit(State::kHere),                        // kWriting: sealed
    bit(State::kOnDisk),                      // kHere: its memory is taken
    bit(State::kHere) | bit(State::kOnDisk),  // kComing: it came, or there is no room for it
    bit(State::kComing),                      // kOnDisk: wanted again
};

}  // namespace

Object* ObjectTable::find(std::uint64_t number) {
  const auto found = objects_.find(number);
  return found == objects_.end() ? nullptr : found->second.get();
}

const Object* ObjectTable::find(std::uint64_t number) const {
  const auto found = objects_.find(number);
  return found == objects_.end() ? nullptr : found->second.get();
}

Object& ObjectTable::get(std::uint64_t number, std::string_view sentence) {
  return *base::must_find(objects_, number, sentence);
}

Object& ObjectTable::add(std::uint64_t number, std::uint64_t now_ms) {
  const auto [at, is_new] = objects_.try_emplace(number, std::make_unique<Object>());
  MORROW_INVARIANT(is_new, "a new object has a new number", number);
  at->second->number = number;
  at->second->made_ms = now_ms;
  return *at->second;
}

Object& ObjectTable::create_to_write(ProcessId writer, data::Extent extent, std::uint64_t now_ms) {
  std::uint64_t number = 0;
  do {
    number = random_();
  } while (number == 0 || objects_.contains(number));
  Object& object = add(number, now_ms);
  object.state = State::kWriting;
  object.size_bytes = extent.size;
  object.extent = extent;
  object.writer = writer;
  return object;
}

Object& ObjectTable::create_coming(std::uint64_t number, control::FutureId future, std::uint64_t size_bytes,
                                   std::uint64_t now_ms) {
  Object& object = add(number, now_ms);
  object.state = State::kComing;
  object.is_copy = true;
  object.future = future;
  object.size_bytes = size_bytes;
  return object;
}

Object& ObjectTable::adopt(Object object) {
  MORROW_INVARIANT(object.pins == 0 && object.askers.empty() && !object.spilling && !object.idle,
                   "nobody uses or awaits an object that is adopted", object.number, object.pins);
  MORROW_INVARIANT(object.state != State::kComing && (object.state == State::kOnDisk) == (object.extent.size == 0) &&
                       (object.stored || object.state != State::kOnDisk),
                   "an object that is adopted is somewhere", object.number, object.state, object.extent.size);
  Object& added = add(object.number, object.made_ms);
  added = std::move(object);
  return added;
}

void ObjectTable::erase(Object& object) {
  MORROW_INVARIANT(object.pins == 0 && object.askers.empty(), "nobody uses or awaits an object that is erased",
                   object.number, object.pins, object.askers.size());
  MORROW_INVARIANT(!object.spilling && object.extent.size == 0 && !object.stored && object.promised_bytes == 0,
                   "an object that is erased has neither memory nor a file", object.number, object.spilling,
                   object.extent.size, object.stored);
  take_from_idle(object);
  base::must_erase(objects_, std::uint64_t{object.number}, "an object that is erased is in the table");
}

void ObjectTable::move_to(Object& object, State state) {
  MORROW_INVARIANT((kNext[static_cast<std::size_t>(object.state)] & bit(state)) != 0,
                   "an object goes from one state to one that may follow", object.number, object.state, state);
  MORROW_INVARIANT(object.pins == 0, "an object that is pinned stays as it is", object.number, object.pins);
  object.state = state;
  MORROW_INVARIANT((state == State::kHere) == (object.extent.size != 0),
                   "an object in memory has an extent, and no other has", object.number, object.state,
                   object.extent.size);
  MORROW_INVARIANT(state != State::kOnDisk || (object.stored && !object.spilling && !object.idle),
                   "an object on disk has a whole file", object.number, object.stored, object.spilling);
}

void ObjectTable::pin(Object& object) {
  MORROW_INVARIANT(object.state == State::kHere, "an object that is pinned is in memory", object.number, object.state);
  ++object.pins;
  take_from_idle(object);
}

bool ObjectTable::unpin(Object& object, std::uint32_t count) {
  MORROW_INVARIANT(object.state == State::kHere && !object.idle, "an object that was pinned is in memory still",
                   object.number, object.state);
  MORROW_INVARIANT(object.pins >= count, "no more pins are taken back than there are", object.number, object.pins,
                   count);
  object.pins -= count;
  return object.pins == 0;
}

void ObjectTable::touch(Object& object) {
  take_from_idle(object);
  if (object.pins == 0 && object.state == State::kHere) object.idle = idle_.insert(idle_.end(), object.number);
}

void ObjectTable::take_from_idle(Object& object) {
  if (const auto place = std::exchange(object.idle, std::nullopt)) {
    MORROW_INVARIANT(**place == object.number, "an idle object's place is its own", **place, object.number);
    idle_.erase(*place);
  }
}

}  // namespace morrow::worker
