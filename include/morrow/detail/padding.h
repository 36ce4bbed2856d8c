// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace morrow::detail {

/// Clears the bytes between the members of an object, which hold what was in that memory before, addresses among it.
/// Only tools that can't (clang's) leave them as they are.
template <class T>
void clear_padding([[maybe_unused]] T* object) {
#if __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(object);
#endif
}

}  // namespace morrow::detail
