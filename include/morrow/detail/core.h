// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <vector>

#include <morrow/options.h>

/// The seam between the templates in the public headers and the library behind them: everything here is
/// untyped bytes. Users have no reason to call it. All functions are thread-safe, work the same in the driver and
/// inside a task, and throw morrow::SessionError when the process has no open Session.
namespace morrow::detail {

/// The identity of a future: the scope it was born in, and its number there.
struct FutureId {
  std::uint64_t scope = 0;
  std::uint64_t sequence = 0;
  friend bool operator==(const FutureId&, const FutureId&) = default;
};

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

void append(Bytes& bytes, const void* data, std::size_t size);

/// Values of more bytes than this lie in the object memory of workers; smaller ones in the store.
inline constexpr std::size_t kInlineBytes = 8 << 10;

/// Large values begin at such addresses, so that every type and vector instruction can be used on them in place.
inline constexpr std::size_t kAlignment = 64;

/// The serialized value of a finished future. `bytes` is aligned to `kAlignment` and lives as long as `owner`.
struct Value {
  ByteView bytes;
  std::shared_ptr<const void> owner;
};

/// Memory for one value that is being made: in the object memory, where it can be published with no copy, or else in
/// this process.
struct Room {
  std::span<std::byte> bytes;  ///< aligned to kAlignment
  std::shared_ptr<const void> owner;
  std::uint64_t object = 0;  ///< 0: memory of this process
};

/// \throws ObjectMemoryError
Room make_room(std::size_t size);
/// One that holds a copy of these pieces, one after another; final. Cheaper than to make room and write there.
/// \throws ObjectMemoryError
Room make_copy(std::span<const ByteView> pieces);
/// What is written is final: from here on a write faults. Nothing happens to memory of this process.
void seal(const Room& room);

/// A serialized value: bytes, and pieces of the value itself that would be too much to copy twice.
struct Packed {
  /// Bytes that stand in the value itself.
  struct Piece {
    std::size_t at;  ///< it comes before bytes[at]
    ByteView view;   ///< lives as long as the value
  };
  Bytes bytes;
  std::vector<Piece> pieces;
  std::size_t referenced = 0;  ///< bytes of all pieces

  std::size_t size() const { return bytes.size() + referenced; }
  void copy_to(std::byte* to) const;
};

/// What the invoker of a task gets: all views live until it returns.
struct Invocation {
  ByteView closure;                     ///< the bytes of the callable
  Value arguments;                      ///< the serialized arguments that are not dependencies, one after another
  std::span<const Value> dependencies;  ///< the serialized values of the dependencies, in the order of the arguments
};

/// What a task gives back.
struct Result {
  Bytes bytes;  ///< the serialized value, when it is small; empty for void
  Room room;    ///< of a large one
  /// False only when the value provably holds no future (numbers, strings, containers of them): then what the task
  /// submitted and did not hand out is freed with it. A type copied as bytes that could hide a Future counts as one
  /// that may.
  bool may_hold_futures = true;
};

/// A task's entry: an instantiation of a template in the user's program, named on other machines by module and offset.
/// Fills `result`; what the function throws goes through it.
using Invoker = void (*)(const Invocation& invocation, Result& result);

/// A call as `submit` packs it.
struct Call {
  Invoker invoker = nullptr;
  ByteView closure;
  /// Offsets into `closure` of function pointers that are the function itself: relocated on arrival (module and offset
  /// travel). A pointer into a library of the system is refused with a sentence.
  std::span<const std::size_t> code_pointers;
  Packed arguments;
  std::span<const FutureId> dependencies;
  std::span<const FutureId> handles;  ///< futures that `arguments` or the closure carry, where known; may be empty
  const char* function_name = "";     ///< for people: status, logs, errors; static storage
};

/// Where a value goes: small ones into `bytes`, large ones into the object memory. Where there is none, all are small.
void store(const Packed& packed, Result& result);
/// The same for a value that was made in `room` and is to be published as it is; false when it was published before.
bool store(const Room& room, Result& result);

/// A future that has this value already.
FutureId put(Result&& result, const char* type_name, std::int64_t copies = 1);

/// As memcpy, for pieces of any size and place: memcpy of much takes three times as long when the target lies a little
/// behind the source within a page (its stores look like the loads that follow; measured at 256 MB with glibc 2.36).
void copy_bytes(void* to, const void* from, std::size_t size);
/// All of this fresh memory is about to be written: large pages are welcome.
void expect_writes(void* memory, std::size_t size);

/// Memory of this process, aligned to kAlignment.
Room heap_room(std::size_t size);

/// The bytes of a finished future's value. Waits for it.
std::uint64_t size_of(FutureId id);

/// Queues the call; returns at once unless the bound on unacknowledged submits is reached.
/// \throws SessionError, std::invalid_argument (options out of range)
FutureId submit(Call&& call, const Options& options, std::source_location where);

/// The detached future of this name. \throws NotFoundError when there is none
FutureId find(const std::string& name);

/// Waits until the future is finished and gives its value.
/// \throws RemoteError and what derives from Error, when it failed.
Value get(FutureId id);

/// As `get`, for at most `timeout`; nothing when it is not finished by then.
std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds timeout);

/// Gives all values to `take`, in order; one that it doesn't keep is unpinned before much of what follows is asked
/// for, so all together may be more than the object memory. The first failure in the order of `ids` is thrown, as soon
/// as it is known.
void get_all(std::span<const FutureId> ids, const std::function<void(const Value&)>& take);

bool ready(FutureId id);

/// Waits until at least `count` of `ids` are finished (values or failures) or the timeout is over. Returns for each
/// whether it is finished.
std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout);

/// Waits until all that was submitted and put in the scope that this thread has opened, and in those inside it, has
/// ended; 0: in the running task or the session, outside of the scopes of other threads. False: the timeout was over.
bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout);

void release(FutureId id);
void cancel(FutureId id);

/// Returns when all that was submitted, released or cancelled so far is committed.
void flush();

/// A scope opened in the current one; submits of this thread belong to it until it ends (scopes nest per thread).
std::uint64_t open_scope();
void end_scope(std::uint64_t scope);

}  // namespace morrow::detail
