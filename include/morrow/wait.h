// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// wait and get_all: waiting for many futures at once.

#include <morrow/detail/compiler.h>

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

/// \addtogroup waiting
/// \{

/// The futures given to wait(), in two parts, both in the order that they were given in.
template <class T>
struct Waited {
  std::vector<Future<T>> ready;  ///< Those that are finished, with a value or a failure.
  std::vector<Future<T>> rest;   ///< Those that are not.
};

/// \}

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

/// \addtogroup waiting
/// \{

/// Waits until at least `count` of `futures` are finished or `timeout` is over, and tells those that are finished from
/// the rest.
///
/// `futures` is a std::vector, std::span, std::array or C array of Future or Submitted. A `count` of more than there
/// are means all, 0 means not to wait. Without a `timeout` it takes as long as it takes. Finished is a task with a
/// value, a failure or a cancel: the failures are not thrown here but by Future::get. Returns Waited<T> for futures of
/// type Future<T>. Thread-safe.
/// \throws SessionError when no Session is open.
/// \throws std::invalid_argument when one of the futures is empty.
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

/// The same for futures in braces: `morrow::wait({x, y}, 2)`.
template <detail::AnyFuture F>
auto wait(std::initializer_list<F> futures, std::size_t count = 1, std::optional<Duration> timeout = {}) {
  return wait<std::initializer_list<F>>(futures, count, timeout);
}

/// Waits for all `futures` and returns a std::vector of their values, in order; for futures of void it returns nothing.
///
/// It is faster than one Future::get after another. The values stay in the cluster. All together may be larger than the
/// object memory, except for an Array, Buffer or ArrowBatch, which is read where it lies. Thread-safe.
///
/// When tasks have failed it throws the failure of the first of them in the order of `futures`, as soon as that is
/// known, without waiting for those behind it. Everything that Future::get throws may come.
/// \throws std::invalid_argument when one of the futures is empty.
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

/// The same for futures in braces: `morrow::get_all({x, y})`.
template <detail::AnyFuture F>
auto get_all(std::initializer_list<F> futures) {
  return get_all<std::initializer_list<F>>(futures);
}

/// \}

}  // namespace morrow
