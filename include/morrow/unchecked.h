// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// unchecked: the way around a check of captures that is stricter than it must be.

#include <morrow/detail/compiler.h>

#include <type_traits>
#include <utility>

namespace morrow {

/// \addtogroup submitting
/// \{

/// A callable whose captures are not checked for pointers; unchecked() makes it.
template <class F>
struct Unchecked {
  F function;  ///< The callable.
};

/// Vouches that `function` captures no pointer and no reference, where the compiler cannot look: at a std::optional or
/// a union.
///
///     morrow::submit(morrow::unchecked([maybe] { return *maybe; }));
///
/// If it captures one all the same, the task uses an address that means nothing in its process. Captures that are not
/// trivially copyable do not compile here either.
template <class F>
Unchecked<std::decay_t<F>> unchecked(F&& function) {
  static_assert(
      std::is_trivially_copyable_v<std::decay_t<F>>,
      "morrow::unchecked: the callable captures something that is not trivially copyable (a std::string, a container, "
      "a smart pointer): pass it to submit as an argument instead");
  return {std::forward<F>(function)};
}

/// \}

}  // namespace morrow
