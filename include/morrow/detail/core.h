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

/// The serialized value of a finished future. `bytes` is aligned to 16 and lives as long as `owner`.
struct Value {
  ByteView bytes;
  std::shared_ptr<const void> owner;
};

/// What the invoker of a task gets: all views live until it returns.
struct Invocation {
  ByteView closure;                        ///< the bytes of the callable
  ByteView arguments;                      ///< the serialized arguments that are not dependencies, one after another
  std::span<const ByteView> dependencies;  ///< the serialized values of the dependencies, in the order of the arguments
};

/// What a task gives back.
struct Result {
  Bytes bytes;  ///< the serialized value; empty for void
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
  Bytes arguments;
  std::span<const FutureId> dependencies;
  std::span<const FutureId> handles;  ///< futures that `arguments` or the closure carry, where known; may be empty
  const char* function_name = "";     ///< for people: status, logs, errors; static storage
};

/// Queues the call; returns at once unless the bound on unacknowledged submits is reached.
/// \throws SessionError, std::invalid_argument (options out of range)
FutureId submit(Call&& call, const Options& options, std::source_location where);

/// Waits until the future is finished and gives its value.
/// \throws RemoteError and what derives from Error, when it failed.
Value get(FutureId id);

/// As `get`, for at most `timeout`; nothing when it is not finished by then.
std::optional<Value> get_for(FutureId id, std::chrono::nanoseconds timeout);

/// All values, in order. The first failure in the order of `ids` is thrown, as soon as it is known.
std::vector<Value> get_all(std::span<const FutureId> ids);

bool ready(FutureId id);

/// Waits until at least `count` of `ids` are finished (values or failures) or the timeout is over. Returns for each
/// whether it is finished.
std::vector<bool> wait(std::span<const FutureId> ids, std::size_t count,
                       std::optional<std::chrono::nanoseconds> timeout);

void release(FutureId id);
void cancel(FutureId id);

/// Returns when all that was submitted, released or cancelled so far is committed.
void flush();

/// A scope opened in the current one; submits of this thread belong to it until it ends (scopes nest per thread).
std::uint64_t open_scope();
void end_scope(std::uint64_t scope);

}  // namespace morrow::detail
