#include <morrow/detail/core.h>

#include "runtime/client.h"

// The seam to the templates: everything goes to the client of this process, a driver's or an executor's.
namespace morrow {

namespace detail {

FutureId submit(Call&& call, const Options& options, std::source_location where) {
  return runtime::client().submit(call, options, where);
}

Value get(FutureId id) { return runtime::client().get(id); }

std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds timeout) {
  return runtime::client().get_for(id, timeout);
}

void get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take) {
  runtime::client().get_all(ids, take);
}

FutureId put(Result&& result, const char* type_name) { return runtime::client().put(std::move(result), type_name); }
std::uint64_t size_of(FutureId id) { return runtime::client().size_of(id); }

namespace {

Room find_room(std::size_t size, bool in_place) {
  if (size > kInlineBytes && runtime::has_client()) {
    if (auto room = runtime::client().reserve(size, in_place)) return *std::move(room);
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

bool ready(FutureId id) { return runtime::client().ready(id); }

std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout) {
  return runtime::client().wait(ids, count, timeout);
}

void release(FutureId id) { runtime::client().release(id); }
void cancel(FutureId id) { runtime::client().cancel(id); }
void flush() { runtime::client().flush(); }
std::uint64_t open_scope() { return runtime::client().open_scope(); }
void end_scope(std::uint64_t scope) { runtime::client().end_scope(scope); }

}  // namespace detail

}  // namespace morrow
