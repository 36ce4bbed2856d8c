#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

/// What can be told of an aggregate's fields before Boost.PFR takes it apart: PFR itself fails with a page of errors,
/// or worse, on base classes and C arrays.
namespace morrow::detail {

struct AnyField {
  template <class T>
  constexpr operator T&() const& noexcept;
  template <class T>
  constexpr operator T&&() const&& noexcept;
};

template <class Derived>
struct AnyBase {
  template <class T>
  requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>) constexpr operator T&() const& noexcept;
  template <class T>
  requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>) constexpr operator T&&() const&& noexcept;
};

template <std::size_t>
using AnyFieldAt = AnyField;

template <class T, std::size_t... Before>
constexpr bool takes_fields(std::index_sequence<Before...>) {
  return requires { T{AnyFieldAt<Before>{}...}; };
}

/// How many initializers T takes; the elements of a C array count singly.
template <class T, std::size_t N = 0>
constexpr std::size_t count_initializers() {
  if constexpr (takes_fields<T>(std::make_index_sequence<N + 1>{}))
    return count_initializers<T, N + 1>();
  else
    return N;
}

// `{}` in the place of the first element of a C array stands for the whole array, so the initializers after it are too
// many.
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool field_takes_braces(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{AnyFieldAt<Before>{}..., {}, AnyFieldAt<After>{}...}; };
}

template <class T, std::size_t... I>
constexpr bool all_fields_take_braces(std::index_sequence<I...>) {
  return (field_takes_braces<T>(std::make_index_sequence<I>{}, std::make_index_sequence<sizeof...(I) - I - 1>{}) &&
          ...);
}

/// True when PFR can take T apart: an aggregate with no base class, no C array and only fields that `{}` initializes.
template <class T>
constexpr bool is_plain_aggregate() {
  if constexpr (!std::is_aggregate_v<T> || !std::is_class_v<T>) {
    return false;
  } else if constexpr (requires { T{AnyBase<T>{}}; }) {
    return false;
  } else {
    constexpr std::size_t count = count_initializers<T>();
    return count <= 100 && all_fields_take_braces<T>(std::make_index_sequence<count>{});
  }
}

}  // namespace morrow::detail
