// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

#include <morrow/array.h>
#include <morrow/buffer.h>
#include <morrow/detail/call.h>
#include <morrow/detail/checks.h>
#include <morrow/detail/core.h>
#include <morrow/detail/signature.h>
#include <morrow/future.h>

namespace morrow {

/// A future of a value that is there already, to be passed to any number of tasks. A large one is copied once, into
/// memory that all processes of this machine share; an Array or Buffer that was made with `make` not even that. It
/// belongs to the scope that put it. What was put can't be computed again: when every worker that holds a large one has
/// died, whoever asks for it gets ObjectLostError. Thread-safe. \throws SessionError, ObjectMemoryError
template <class T>
auto put(T&& value) {
  using Stored = detail::Text<T>;
  static_assert(!std::is_void_v<Stored>);
  if constexpr (detail::check_sendable<Stored>()) {
    detail::Result result;
    if constexpr (std::is_same_v<std::remove_cvref_t<T>, Stored>) {
      detail::pack_result(value, result);
    } else {
      detail::pack_result(static_cast<Stored>(std::forward<T>(value)), result);
    }
    return Future<Stored>(detail::put(std::move(result), detail::kTypeName<Stored>.data()));
  } else {
    return Future<Stored>();
  }
}

}  // namespace morrow
