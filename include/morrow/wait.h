// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/future.h>
#include <morrow/options.h>

namespace morrow {

/// What `wait` found, both in the order they were given in.
template <class T>
struct Waited {
  std::vector<Future<T>> ready;  ///< finished, with a value or a failure
  std::vector<Future<T>> rest;   ///< not finished yet
};

namespace detail {

/// std::vector, std::span, std::array and the like, of Future or Submitted.
template <class R>
concept FutureRange = requires(const R& range) {
  { *std::data(range) } -> AnyFuture;
  std::size(range);
};

template <class R>
using RangeValue = FutureValue<decltype(*std::data(std::declval<const R&>()))>;

template <class R>
std::vector<FutureId> ids_of(const R& futures) {
  std::vector<FutureId> ids;
  ids.reserve(std::size(futures));
  for (const auto& future : futures) {
    if (!future.valid()) throw std::invalid_argument("a Future is empty: assign to it what morrow::submit returned");
    ids.push_back(future.id());
  }
  return ids;
}

}  // namespace detail

/// Waits until at least `count` of `futures` are finished, or `timeout` is over (none: as long as it takes), and tells
/// those that are finished from the rest. A count of more than there are means all. Throws no failure of theirs: `get`
/// does. Thread-safe.
template <detail::FutureRange R>
Waited<detail::RangeValue<R>> wait(const R& futures, std::size_t count = 1, std::optional<Duration> timeout = {}) {
  const std::vector<detail::FutureId> ids = detail::ids_of(futures);
  std::optional<std::chrono::nanoseconds> limit;
  if (timeout) limit = timeout->value();
  Waited<detail::RangeValue<R>> waited;
  if (ids.empty()) return waited;
  const std::vector<bool> finished = detail::wait(ids, std::min(count, ids.size()), limit);
  for (std::size_t i = 0; i < ids.size(); ++i) (finished[i] ? waited.ready : waited.rest).emplace_back(ids[i]);
  return waited;
}

/// The same for futures in braces.
template <detail::AnyFuture F>
auto wait(std::initializer_list<F> futures, std::size_t count = 1, std::optional<Duration> timeout = {}) {
  return wait<std::initializer_list<F>>(futures, count, timeout);
}

/// Waits for all and returns their values in order; nothing for futures of void. Faster than one `get` after another.
/// Arrays and the like, which are read where they lie, must find room in the object memory all at once.
/// \throws the first failure in their order, as soon as it is known. Thread-safe.
template <detail::FutureRange R>
auto get_all(const R& futures) {
  using T = detail::RangeValue<R>;
  const std::vector<detail::FutureId> ids = detail::ids_of(futures);
  if constexpr (std::is_void_v<T>) {
    detail::get_all(ids, [](const detail::Value&) {});
  } else {
    std::vector<T> results;
    results.reserve(ids.size());
    detail::get_all(ids, [&results](const detail::Value& value) { results.push_back(detail::decode<T>(value)); });
    return results;
  }
}

/// The same for futures in braces.
template <detail::AnyFuture F>
auto get_all(std::initializer_list<F> futures) {
  return get_all<std::initializer_list<F>>(futures);
}

}  // namespace morrow
