// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <morrow/detail/any_field.h>
#include <morrow/detail/fields.h>

/// The fields of plain aggregates: how many there are, and of which types.
namespace morrow::detail {

/// Converts to any base class of Derived; an aggregate that takes it has one.
template <class Derived>
struct AnyBase {
  template <class T>
  requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>) constexpr operator T&() const& noexcept;
  template <class T>
  requires(std::is_base_of_v<T, Derived> && !std::is_same_v<T, Derived>) constexpr operator T&&() const&& noexcept;
};

template <class T, std::size_t... Before>
constexpr bool takes_fields(std::index_sequence<Before...>) {
  return requires { T{AnyFieldAt<Before>{}...}; };
}

/// How many initializers T takes, when it takes N; the elements of a C array count singly.
template <class T, std::size_t N>
constexpr std::size_t count_from() {
  if constexpr (N <= kMostFields && takes_fields<T>(std::make_index_sequence<N + 1>{}))
    return count_from<T, N + 1>();
  else
    return N;
}

/// How many it takes, or more than kMostFields. Fields that have no default must be among the first that are given.
template <class T, std::size_t N = 0>
constexpr std::size_t count_initializers() {
  if constexpr (takes_fields<T>(std::make_index_sequence<N>{}))
    return count_from<T, N>();
  else if constexpr (N > kMostFields)
    return N;
  else
    return count_initializers<T, N + 1>();
}

/// Converts to each type that has no default constructor.
struct AnyWithoutDefault {
  template <class T>
  requires(!std::is_default_constructible_v<T>) constexpr operator T&() const& noexcept;
  template <class T>
  requires(!std::is_default_constructible_v<T>) constexpr operator T&&() const&& noexcept;
};

// `{}` in the place of the first element of a C array stands for the whole array, so the initializers after it are too
// many.
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool is_one_field(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{AnyFieldAt<Before>{}..., {}, AnyFieldAt<After>{}...}; }
  || requires { T{AnyFieldAt<Before>{}..., AnyWithoutDefault{}, AnyFieldAt<After>{}...}; };
}

template <class T, std::size_t... I>
constexpr bool are_single_fields(std::index_sequence<I...>) {
  return (is_one_field<T>(std::make_index_sequence<I>{}, std::make_index_sequence<sizeof...(I) - I - 1>{}) && ...);
}

// A field that cannot be moved ends the count too early.
template <class T, std::size_t... Counted>
constexpr bool takes_more_fields(std::index_sequence<Counted...>) {
  return requires { T{AnyFieldAt<Counted>{}..., {}}; };
}

/// True when T can be taken apart: an aggregate with no base class, no C array and only fields that can be moved.
template <class T>
constexpr bool is_plain_aggregate() {
  if constexpr (!std::is_aggregate_v<T> || !std::is_class_v<T>) {
    return false;
  } else if constexpr (requires { T{AnyBase<T>{}}; }) {
    return false;
  } else {
    constexpr std::size_t kCount = count_initializers<T>();
    if constexpr (kCount > kMostFields)
      return false;
    else
      return !takes_more_fields<T>(std::make_index_sequence<kCount>{}) &&
             are_single_fields<T>(std::make_index_sequence<kCount>{});
  }
}

/// The types of the fields of a plain aggregate, a TypeList.
template <class T>
using FieldTypes = decltype(types_of_fields(std::declval<T&>(), FieldCount<count_initializers<T>()>{}));

/// Gives all fields of a plain aggregate to `function`, in one call; a bit-field as a copy.
template <class T, class F>
constexpr void with_fields(const T& value, F&& function) {
  visit_fields(value, function, FieldCount<count_initializers<T>()>{});
}

}  // namespace morrow::detail
