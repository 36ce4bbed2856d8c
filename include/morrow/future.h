// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// A handle to a value that a task computes somewhere in the cluster: a plain id, trivially copyable. It can be
/// captured, stored, passed and returned; copies mean the same value. It owns nothing: the value belongs to the scope
/// that submitted it (the session, a Scope, or a running task), and is freed with it. All members are thread-safe and
/// work the same in the driver and inside a task. \throws SessionError from all of them when there is no open Session.
template <class T>
class Future {
 public:
  /// Empty: assign to it what `submit` returned.
  Future() = default;
  /// For Morrow's own use.
  explicit Future(detail::FutureId id) : id_(id) {}

  /// Waits until the value is there, and returns it. Inside a task, other tasks run in the meantime.
  /// \throws RemoteError when the task failed; CancelledError, ReleasedError and the others of error.h
  T get() const {
    const detail::Value value = detail::get(checked_id());
    if constexpr (!std::is_void_v<T>) return detail::decode<T>(value);
  }

  /// As `get`, for at most `timeout`: nothing when the value is not there by then (false for a Future<void>).
  auto get_for(Duration timeout) const {
    const std::optional<detail::Value> value = detail::get_for(checked_id(), timeout.value());
    if constexpr (std::is_void_v<T>)
      return value.has_value();
    else
      return value ? std::optional<T>(detail::decode<T>(*value)) : std::nullopt;
  }

  /// Whether it is finished: `get` would not wait.
  bool ready() const { return detail::ready(checked_id()); }

  /// How many bytes its value takes, as it is stored; waits until it is there. \throws as `get` does
  std::uint64_t size() const { return detail::size_of(checked_id()); }

  /// Frees the value once those who wait for it have it; later asks throw ReleasedError.
  void release() const { detail::release(checked_id()); }

  /// Stops the task, or keeps it from starting; who asks for the value gets CancelledError. A finished one stays as it
  /// is.
  void cancel() const { detail::cancel(checked_id()); }

  /// False for one that was default-constructed.
  bool valid() const { return id_ != detail::FutureId{}; }

  /// For Morrow's own use.
  detail::FutureId id() const { return id_; }

  friend bool operator==(const Future&, const Future&) = default;

 private:
  detail::FutureId checked_id() const {
    if (!valid()) throw std::invalid_argument("this Future is empty: assign to it what morrow::submit returned");
    return id_;
  }

  detail::FutureId id_;
};

/// What `submit` returns: a Future that, when it is asked as the temporary it is (`submit(...).get()`), is released by
/// that.
template <class T>
class Submitted : public Future<T> {
 public:
  using Future<T>::Future;

  T get() const& { return Future<T>::get(); }

  /// Takes the value: it is freed here and in the cluster, also when the task failed.
  T get() && {
    const Releaser releaser{*this};
    return Future<T>::get();
  }

 private:
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

}  // namespace morrow

template <class T>
struct std::hash<morrow::Future<T>> {
  std::size_t operator()(const morrow::Future<T>& future) const noexcept {
    const auto id = future.id();
    return static_cast<std::size_t>((id.scope ^ (id.sequence * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL);
  }
};
