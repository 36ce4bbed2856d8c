// SPDX-License-Identifier: Apache-2.0
#include <morrow/detail/core.h>

#include "runtime/backend/backend.h"
#include "runtime/client/object_memory.h"

// Rooms for values: in the object memory of this process's worker where there is one, else on the heap.
namespace morrow::detail {

namespace {

Room find_room(std::size_t size, bool in_place) {
  if (size > kInlineBytes && runtime::has_backend()) {
    if (auto room = runtime::backend()->reserve(size, in_place)) return *std::move(room);
  }
  return heap_room(size);
}

}  // namespace

Room make_room(std::size_t size) { return find_room(size, true); }

Room make_copy(std::span<const ByteView> pieces) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  Room room = find_room(size, false);
  std::byte* to = runtime::inside_of(room);
  for (const ByteView piece : pieces) {
    copy_bytes(to, piece.data(), piece.size());
    to += piece.size();
  }
  return room;
}

void seal(const Room& room) { runtime::seal_room(room); }

void store(const Packed& packed, Result& result) {
  const Room room = find_room(packed.size(), false);
  if (room.object == 0) {
    result.bytes.resize(packed.size());
    return packed.copy_to(result.bytes.data());
  }
  packed.copy_to(runtime::inside_of(room));
  store(room, result);
}

bool store(const Room& room, Result& result) {
  if (!runtime::take_to_publish(room)) return false;
  runtime::seal_room(room);
  result.room = room;
  return true;
}

}  // namespace morrow::detail
