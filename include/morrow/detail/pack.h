// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace morrow::detail {

/// Types, nothing else.
template <class... T>
struct TypeList {};

template <class List, std::size_t I>
struct TypeAt;
template <class First, class... Rest, std::size_t I>
struct TypeAt<TypeList<First, Rest...>, I> : TypeAt<TypeList<Rest...>, I - 1> {};
template <class First, class... Rest>
struct TypeAt<TypeList<First, Rest...>, 0> {
  using type = First;
};

template <class List>
inline constexpr std::size_t kCount = 0;
template <class... T>
inline constexpr std::size_t kCount<TypeList<T...>> = sizeof...(T);

/// Values side by side. Unlike a std::tuple it is an aggregate, so that its fields are made in place, in order, and
/// need not be movable.
template <std::size_t I, class T>
struct Leaf {
  T value;
};
template <class Indices, class... T>
struct PackOf;
template <std::size_t... I, class... T>
struct PackOf<std::index_sequence<I...>, T...> : Leaf<I, T>... {};
template <class... T>
using Pack = PackOf<std::index_sequence_for<T...>, T...>;

template <std::size_t I, class T>
T& at(Leaf<I, T>& leaf) {
  return leaf.value;
}

}  // namespace morrow::detail
