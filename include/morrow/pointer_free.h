// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// PointerFree: whether a type means the same in another process.

#include <morrow/detail/compiler.h>

#include <array>
#include <cstddef>
#include <type_traits>

namespace morrow {

/// \addtogroup submitting
/// \{

/// Your word that the bytes of a `T` mean the same in another process, where the compiler can't look inside (a class
/// whose constructors are not constexpr, a std::optional of numbers, a union), for types of others too:
///
///     template <> inline constexpr bool morrow::plain_bytes<Money> = true;
///
/// Said before T is sent for the first time, and only of types that are trivially copyable and hold no address.
template <class T>
inline constexpr bool plain_bytes = false;  // NOLINT(readability-identifier-naming): as the traits of std

/// \}

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

/// A T can be made of bytes while the program is compiled, which the language forbids for addresses and unions.
template <class T>
concept MadeOfBytes = requires {
  typename std::bool_constant<(static_cast<void>(__builtin_bit_cast(Held<T>, RawBytes<sizeof(T)>{})), true)>;
};

#if defined(__GNUC__) && !defined(__clang__)

// g++ (12 to 14) does not look into arrays there. But it takes no value as a template argument that holds an address
// other than null, wherever it stands.

/// The first or the second word of each two is 1.
template <std::size_t N, std::size_t First>
constexpr RawBytes<N> words() {
  RawBytes<N> bytes{};
  for (std::size_t i = First; i < N; i += 2 * sizeof(void*)) bytes.data[i] = 1;
  return bytes;
}

/// A type of each value.
template <auto>
struct AsArgument {};
template <class T>
concept ArgumentOfZeros = requires {
  typename AsArgument<__builtin_bit_cast(Held<T>, RawBytes<sizeof(T)>{})>;
};
template <class T, std::size_t First>
concept ArgumentOfWords = requires {
  typename AsArgument<__builtin_bit_cast(Held<T>, words<sizeof(T), First>())>;
};

/// Of larger types it is not asked: it would take the compiler a second.
inline constexpr std::size_t kMostBytesOfArgument = 64 << 10;

template <class T>
constexpr bool hides_addresses_in_arrays() {
  if constexpr (!std::is_class_v<T> || sizeof(T) < sizeof(void*) || sizeof(T) > kMostBytesOfArgument)
    return false;
  else
    // A long double, which takes no second word but 0, is aligned to 16 bytes.
    return ArgumentOfZeros<T> &&
           !(ArgumentOfWords<T, 0> && (alignof(T) > sizeof(void*) || ArgumentOfWords<T, sizeof(void*)>));
}

#else

template <class T>
constexpr bool hides_addresses_in_arrays() {
  return false;
}

#endif

/// std::complex, known by what it can do: its header would cost each program a tenth of a second to compile, and clang
/// makes none of bytes.
template <class T>
concept ComplexNumber = std::is_class_v<T> && requires(const T& number) {
  requires std::is_arithmetic_v<typename T::value_type> && sizeof(T) == 2 * sizeof(typename T::value_type);
  requires std::is_same_v<decltype(number.real()), typename T::value_type>;
  requires std::is_same_v<decltype(number.imag()), typename T::value_type>;
};

/// The bytes of a T mean the same in another process.
template <class T>
struct HoldsNoAddress : std::bool_constant<!std::is_null_pointer_v<T> && MadeOfBytes<T>> {};
template <class T>
requires(std::is_class_v<T>&& MadeOfBytes<T> && !ComplexNumber<T>) struct HoldsNoAddress<T>
    : std::bool_constant<!hides_addresses_in_arrays<T>()> {
};
template <ComplexNumber T>
struct HoldsNoAddress<T> : std::true_type {};
template <class T, std::size_t N>
requires(N != 0) struct HoldsNoAddress<std::array<T, N>>
    : std::bool_constant<plain_bytes<std::remove_cv_t<T>> || HoldsNoAddress<T>::value> {
};

}  // namespace detail

/// \addtogroup submitting
/// \{

/// Whether `T` is plain bytes that mean the same in another process: trivially copyable, with no pointer, reference or
/// union anywhere inside, captures of lambdas included; or of a type of which plain_bytes says so.
///
/// The compiler decides by trying to make a T from zero bytes in a constant expression, which the language forbids for
/// exactly those types. Where the compiler cannot look inside (std::optional, unions) the answer is false: see
/// unchecked() and plain_bytes. What g++ can't see are pointers in an array of objects of a class with private members
/// (an array of std::string_view), captured by a lambda or inside of another class with private members.
template <class T>
concept PointerFree = std::is_trivially_copyable_v<T> &&
    (plain_bytes<std::remove_cv_t<T>> || detail::HoldsNoAddress<T>::value);

/// \}

}  // namespace morrow
