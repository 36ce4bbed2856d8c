// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace morrow::detail {

/// Converts to whatever a field is; for counting how many values initialize an aggregate.
struct AnyField {
  template <class T>
  constexpr operator T&() const& noexcept;
  template <class T>
  constexpr operator T&&() const&& noexcept;
};

template <std::size_t>
using AnyFieldAt = AnyField;

}  // namespace morrow::detail
