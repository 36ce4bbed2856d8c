// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// put: a future of a value that is there already.

#include <morrow/detail/compiler.h>

#include <type_traits>
#include <utility>

#include <morrow/array.h>
#include <morrow/buffer.h>
#include <morrow/detail/call.h>
#include <morrow/detail/checks.h>
#include <morrow/detail/core.h>
#include <morrow/detail/signature.h>
#include <morrow/future.h>
#include <morrow/options.h>

namespace morrow {

/// \addtogroup values
/// \{

/// How a value is kept that is put; the first argument of put(), in braces.
struct PutOptions {
  /// How many workers hold a large value, from 1 to 100. With 2 it survives the death of any one worker once flush()
  /// has returned: that, and all that waits for an acknowledgement, waits until so many hold it. When the cluster has
  /// fewer workers, or they have no room, the value has fewer copies, and a line on standard error says so. Small
  /// values (up to 8 kB) lie in the store and need none.
  WholeNumber copies = 1;
};

/// As put() without options, but kept as these say: `morrow::put({.copies = 2}, table)`.
///
/// \throws std::invalid_argument when an option is outside of its limits; else what put() throws without options.
template <class T>
auto put(const PutOptions& options, T&& value) {
  using Stored = detail::Text<T>;
  static_assert(!std::is_void_v<Stored>);
  detail::check_sendable<Stored>();
  if constexpr (detail::is_sendable<Stored>()) {
    detail::Result result;
    if constexpr (std::is_same_v<std::remove_cvref_t<T>, Stored>) {
      detail::pack_result(value, result);
    } else {
      detail::pack_result(static_cast<Stored>(std::forward<T>(value)), result);
    }
    return Future<Stored>(detail::put(std::move(result), detail::kTypeName<Stored>.data(), options.copies.value()));
  } else {
    return Future<Stored>();
  }
}

/// Stores `value` in the cluster and returns its future, to be passed to any number of tasks.
///
/// A large value is copied once, into memory that all processes of this machine share; an Array or Buffer that was made
/// with `make` is not copied at all. Text given as a `const char*` becomes a std::string, a MutableArray an Array.
/// Types that can't travel do not compile: see \ref sending "What can be sent".
///
/// The value belongs to the scope that put it: the running task, Scope or session. It can't be computed again: when all
/// workers that hold a large one have died, Future::get throws ObjectLostError. Thread-safe. May wait, for room in the
/// object memory or while too much is not acknowledged yet.
///
/// Returns a Future of the type of the value.
/// \throws SessionError when no Session is open.
/// \throws ObjectMemoryError when the object memory has no room for the value.
/// \throws TooLargeError when there is no object memory, and the value is more than 64 kB.
template <class T>
auto put(T&& value) {
  return put(PutOptions{}, std::forward<T>(value));
}

/// \}

}  // namespace morrow
