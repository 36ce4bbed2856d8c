// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>

namespace morrow {

/// An amount of a resource; fractions are allowed. Any number converts to it, so that `.cpus = n` is never a narrowing
/// error.
class Amount {
 public:
  constexpr Amount() = default;
  template <class N>
  requires std::is_arithmetic_v<N>
  constexpr Amount(N number) : value_(static_cast<double>(number)) {}

  constexpr double value() const { return value_; }
  friend constexpr bool operator==(Amount, Amount) = default;

 private:
  double value_ = 0;
};

/// A whole number: bytes or a count. Any number converts to it: fractions are cut off, what does not fit becomes the
/// nearest that does, and NaN becomes -1 (which is refused where it is used).
class WholeNumber {
 public:
  constexpr WholeNumber() = default;
  template <class N>
  requires std::is_arithmetic_v<N>
  constexpr WholeNumber(N number) : value_(convert(number)) {}

  constexpr std::int64_t value() const { return value_; }
  friend constexpr bool operator==(WholeNumber, WholeNumber) = default;

 private:
  template <class N>
  static constexpr std::int64_t convert(N number) {
    using Limits = std::numeric_limits<std::int64_t>;
    if constexpr (std::is_floating_point_v<N>) {
      if (number >= static_cast<N>(0x1p63)) return Limits::max();
      if (number <= static_cast<N>(-0x1p63)) return Limits::min();
      if (!(number > static_cast<N>(-0x1p63))) return -1;  // not a number
    } else if constexpr (std::is_unsigned_v<N> && sizeof(N) >= sizeof(std::int64_t)) {
      if (number > static_cast<N>(Limits::max())) return Limits::max();
    }
    return static_cast<std::int64_t>(number);
  }

  std::int64_t value_ = 0;
};

/// A length of time. Any chrono duration converts to it, `0.5s` too; what is too long to count in nanoseconds becomes
/// the longest that is not (292 years).
class Duration {
 public:
  constexpr Duration() = default;
  template <class Rep, class Period>
  constexpr Duration(std::chrono::duration<Rep, Period> length) : value_(convert(length)) {}

  constexpr std::chrono::nanoseconds value() const { return value_; }
  friend constexpr bool operator==(Duration, Duration) = default;

 private:
  template <class Rep, class Period>
  static constexpr std::chrono::nanoseconds convert(std::chrono::duration<Rep, Period> length) {
    using Nanoseconds = std::chrono::nanoseconds;
    using Wide = std::chrono::duration<long double, std::nano>;
    const Wide wide(length);
    if (wide >= Wide(Nanoseconds::max())) return Nanoseconds::max();
    if (wide <= Wide(Nanoseconds::min())) return Nanoseconds::min();
    if (!(wide > Wide(Nanoseconds::min()))) return Nanoseconds(0);  // not a number
    return std::chrono::duration_cast<Nanoseconds>(length);
  }

  std::chrono::nanoseconds value_{0};
};

/// What a task needs and how it may fail; the first argument of `submit`, usually in braces:
/// `morrow::submit({.cpus = 2, .memory = 1_GiB}, f, x)`. Values that make no sense (a negative amount, say) are
/// refused by `submit` with std::invalid_argument.
struct Options {
  /// Processors; fractions share one.
  Amount cpus = 1;
  /// Bytes, reserved while the task runs.
  WholeNumber memory = 0;
  /// Devices; the task sees its own in CUDA_VISIBLE_DEVICES.
  Amount gpus = 0;
  /// Other resources, by the names that workers were started with.
  std::map<std::string, Amount> resources = {};
  /// How often a task is started again whose process died, or that found no room in the object memory because other
  /// tasks held it. Also how often a large value is computed again that was lost with the workers that held it: a loss
  /// counts as a failed attempt, and with 0 nothing is run twice.
  WholeNumber max_retries = 3;
  /// Whether an exception counts as a failure to be retried; otherwise it goes to who asks for the value at once.
  bool retry_exceptions = false;
  /// The longest that one attempt may run.
  std::optional<Duration> timeout = {};
  /// A name for people: logs, errors, `morrow status`.
  std::string name = {};
  /// Fail at once when no worker there is could ever meet the requirements, instead of waiting for one that can.
  bool fail_if_unschedulable = false;
  /// Where the task was submitted; filled in by the compiler.
  std::source_location where = std::source_location::current();
};

}  // namespace morrow
