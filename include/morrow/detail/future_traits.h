// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

namespace morrow {

template <class T>
class Future;
template <class T>
class Submitted;

template <class T>
class Array;
template <class T>
class MutableArray;
class Buffer;
class MutableBuffer;

namespace detail {

/// Whether T is a future, and of what.
template <class T>
struct FutureTraits {
  static constexpr bool is_future = false;
  using value = T;
};
template <class T>
struct FutureTraits<Future<T>> {
  static constexpr bool is_future = true;
  using value = T;
};
template <class T>
struct FutureTraits<Submitted<T>> : FutureTraits<Future<T>> {};

template <class T>
concept AnyFuture = FutureTraits<std::remove_cvref_t<T>>::is_future;

/// What a future of this type gives; the type itself when it is no future.
template <class T>
using FutureValue = typename FutureTraits<std::remove_cvref_t<T>>::value;

/// Submitted<T> as the Future<T> it is, and the like; other types as they are.
template <class T>
struct PlainFuture {
  using type = T;
};
template <class T>
struct PlainFuture<Submitted<T>> {
  using type = Future<T>;
};
/// What is still being made is sent as what it becomes.
template <class T>
struct PlainFuture<MutableArray<T>> {
  using type = Array<T>;
};
template <>
struct PlainFuture<MutableBuffer> {
  using type = Buffer;
};

}  // namespace detail
}  // namespace morrow
