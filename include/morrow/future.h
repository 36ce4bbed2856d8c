// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Future and Submitted: handles to values that tasks compute.

#include <morrow/detail/compiler.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include <morrow/detail/core.h>
#include <morrow/detail/future_traits.h>
#include <morrow/error.h>
#include <morrow/options.h>
#include <morrow/serialize.h>

namespace morrow {

/// \addtogroup waiting
/// \{

/// A handle to a value that a task computes somewhere in the cluster; submit() and put() make it.
///
/// A Future is a plain id of 16 bytes, trivially copyable: it can be captured, stored, passed to tasks and returned
/// from them, and all copies mean the same value. It owns nothing. The value belongs to the scope that submitted it (a
/// running task, a Scope or the session) and is freed with that scope, or by release(). A value that a task returns may
/// hold futures of that task: they then live on in the scope that submitted the task.
///
/// All members are thread-safe, and work the same in the driver and inside a task. Those that ask the cluster throw
/// SessionError when no Session is open, and std::invalid_argument when this Future is empty.
///
/// Futures are compared, and hashed by std::hash, by their identity and not by their values.
///
/// \tparam T the type of the value; may be void.
template <class T>
class Future {
 public:
  /// An empty future: assign the result of submit() to it before it is used.
  Future() = default;
  // For Morrow's own use: the reference leaves it out.
  /// \cond
  explicit Future(detail::FutureId id) : id_(id) {}
  /// \endcond

  /// Waits until the value is there, and returns a copy of it; an Array, a Buffer or an ArrowBatch is read where it
  /// lies.
  ///
  /// A task that waits leaves its processors to other tasks.
  /// \throws RemoteError when the task failed: TaskCrashed, StackOverflowError, TimeoutError and DependencyError are
  /// such.
  /// \throws CancelledError when the task was cancelled.
  /// \throws ReleasedError when the value was freed.
  /// \throws ObjectLostError when the value died with a worker and can't be computed again.
  /// \throws ObjectMemoryError when the value found no room.
  /// \throws TooLargeError when there is no object memory and the value is too large for a record of the store.
  /// \throws ProgramError when the program could not be started on a worker.
  /// \throws UnschedulableError when Options::fail_if_unschedulable was set and no worker can run the task.
  /// \throws DeadlockError when the task waited for itself, through others.
  /// \throws DecodeError when the value is not a T.
  T get() const {
    const detail::Value value = detail::get(checked_id());
    if constexpr (!std::is_void_v<T>) return detail::decode<T>(value);
  }

  /// Waits as get() does, but for `timeout` at the most: then it returns nothing. A timeout of 0 or less does not wait.
  ///
  /// Returns std::optional<T>; for a Future<void> a bool, which is true when the task has finished. Throws what get()
  /// throws.
  auto get_for(Duration timeout) const {
    const std::optional<detail::Value> value = detail::get_for(checked_id(), timeout.value());
    if constexpr (std::is_void_v<T>)
      return value.has_value();
    else
      return value ? std::optional<T>(detail::decode<T>(*value)) : std::nullopt;
  }

  /// Whether the task is finished, with a value or a failure: get() would not wait for it. Asks the worker, without
  /// waiting for the task; false when no worker answers within some seconds.
  bool ready() const { return detail::ready(checked_id()); }

  /// The bytes that the value takes as it is stored. Waits until it is there; throws what get() throws, but for
  /// DecodeError.
  std::uint64_t size() const { return detail::size_of(checked_id()); }

  /// Frees the value, once the tasks that depend on it and the threads that wait for it have it. Any later get() throws
  /// ReleasedError. A task that has not finished, and whose value nothing waits for, is cancelled. Does not wait for
  /// that.
  void release() const { detail::release(checked_id()); }

  /// Keeps the task from starting, or stops it by killing its process; get() then throws CancelledError. What the task
  /// submitted is cancelled with it. A task that has finished stays as it is. Does not wait for its end.
  void cancel() const { detail::cancel(checked_id()); }

  /// False for a future that was default-constructed.
  bool valid() const { return id_ != detail::FutureId{}; }

  // For Morrow's own use: the reference leaves it out.
  /// \cond
  detail::FutureId id() const { return id_; }
  /// \endcond

  /// Whether both are handles to the same value.
  friend bool operator==(const Future&, const Future&) = default;

 private:
  detail::FutureId checked_id() const {
    if (!valid()) throw std::invalid_argument("this Future is empty: assign to it what morrow::submit returned");
    return id_;
  }

  detail::FutureId id_;
};

/// The Future that submit() returns. In `submit(...).get()` it is a temporary, and that get() also frees the value in
/// the cluster. Once it is in a variable, it behaves like any Future.
template <class T>
class Submitted : public Future<T> {
 public:
  using Future<T>::Future;

  /// Future::get, which leaves the value in the cluster.
  T get() const& { return Future<T>::get(); }

  /// Waits as Future::get does, returns the value and frees it in the cluster, also when the task failed.
  T get() && {
    const Releaser releaser{*this};
    return Future<T>::get();
  }

 private:
  // Frees the future at its end.
  struct Releaser {
    const Future<T>& future;
    ~Releaser() {
      try {
        future.release();
      } catch (const std::exception&) {  // no session, or empty: get() says so
      }
    }
  };
};

/// \}

}  // namespace morrow

// The class says that futures can be hashed; Doxygen knows no std::hash to put this under.
/// \cond
template <class T>
struct std::hash<morrow::Future<T>> {
  std::size_t operator()(const morrow::Future<T>& future) const noexcept {
    // As base/hash_ids.h, which no public header can use.
    const auto id = future.id();
    return static_cast<std::size_t>((id.scope ^ (id.sequence * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL);
  }
};
/// \endcond
