// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// PointerFree: whether a type means the same in another process.

#include <cstddef>
#include <type_traits>

namespace morrow {

namespace detail {

/// The bytes of a value.
template <std::size_t N>
struct RawBytes {
  unsigned char data[N];
};

// g++ takes no scalar as the target of a bit_cast in a requirement, hence the struct around it.
template <class T>
struct Held {
  T value;
};

}  // namespace detail

/// \addtogroup submitting
/// \{

/// Whether `T` is plain bytes that mean the same in another process: trivially copyable, with no pointer, reference or
/// union anywhere inside, captures of lambdas included.
///
/// The compiler decides by trying to make a T from zero bytes in a constant expression, which the language forbids for
/// exactly those types. Where the compiler cannot look inside (std::optional, unions) the answer is false: see
/// unchecked().
template <class T>
concept PointerFree = std::is_trivially_copyable_v<T> && requires {
  typename std::bool_constant<(static_cast<void>(__builtin_bit_cast(detail::Held<T>, detail::RawBytes<sizeof(T)>{})),
                               true)>;
};

/// \}

}  // namespace morrow
