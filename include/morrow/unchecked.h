// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

namespace morrow {

/// A callable whose captures the compiler could not prove to be free of pointers; see `unchecked`.
template <class F>
struct Unchecked {
  F function;
};

/// Says that you know that `function` captures no pointer and no reference, where the compiler cannot know (a
/// std::optional, a union): `morrow::submit(morrow::unchecked([maybe] { ... }))`. If it does, the task reads memory of
/// another process.
template <class F>
Unchecked<std::decay_t<F>> unchecked(F&& function) {
  static_assert(
      std::is_trivially_copyable_v<std::decay_t<F>>,
      "morrow::unchecked: the callable captures something that is not trivially copyable (a std::string, a container, "
      "a smart pointer): pass it to submit as an argument instead");
  return {std::forward<F>(function)};
}

}  // namespace morrow
