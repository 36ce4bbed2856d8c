// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <boost/pfr/detail/core17_generated.hpp>

#include <morrow/detail/any_field.h>

/// The fields of plain aggregates. Only the structured bindings come from Boost.PFR: its own count of the fields gives
/// a page of errors for base classes and C arrays, and crashes g++ 12 on a std::array<std::string, 2>.
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

// A field that cannot be moved ends the count too early.
template <class T, std::size_t... Counted>
constexpr bool takes_more_fields(std::index_sequence<Counted...>) {
  return requires { T{AnyFieldAt<Counted>{}..., {}}; };
}

/// True when T can be taken apart: an aggregate with no base class, no C array and only fields that `{}` initializes
/// and that can be moved.
template <class T>
constexpr bool is_plain_aggregate() {
  if constexpr (!std::is_aggregate_v<T> || !std::is_class_v<T>) {
    return false;
  } else if constexpr (requires { T{AnyBase<T>{}}; }) {
    return false;
  } else {
    constexpr std::size_t kCount = count_initializers<T>();
    return kCount <= 100 && !takes_more_fields<T>(std::make_index_sequence<kCount>{}) &&
           all_fields_take_braces<T>(std::make_index_sequence<kCount>{});
  }
}

/// The fields of a plain aggregate, as a tuple of references.
template <class T>
constexpr auto fields_of(T& value) {
  constexpr std::size_t kCount = count_initializers<std::remove_cv_t<T>>();
  return boost::pfr::detail::tie_as_tuple(value, boost::pfr::detail::size_t_<kCount>{});
}

template <class T, std::size_t I>
using FieldType =
    std::remove_reference_t<decltype(boost::pfr::detail::sequence_tuple::get<I>(fields_of(std::declval<T&>())))>;

template <class T, class F>
constexpr void for_each_field(T& value, F&& function) {
  const auto fields = fields_of(value);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (function(boost::pfr::detail::sequence_tuple::get<I>(fields)), ...);
  }
  (std::make_index_sequence<count_initializers<std::remove_cv_t<T>>()>{});
}

}  // namespace morrow::detail
