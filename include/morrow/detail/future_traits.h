#pragma once

#include <type_traits>

namespace morrow {

template <class T>
class Future;
template <class T>
class Submitted;

namespace detail {

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

/// Submitted<T> as the Future<T> it is; other types as they are.
template <class T>
struct PlainFuture {
  using type = T;
};
template <class T>
struct PlainFuture<Submitted<T>> {
  using type = Future<T>;
};

}  // namespace detail
}  // namespace morrow
