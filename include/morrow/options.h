// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Options of a task, and the numbers and times that they are made of.

#include <morrow/detail/compiler.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>

namespace morrow {

/// \addtogroup options
/// \{

/// An amount of a resource; fractions are allowed. Any number converts to it, so that `.cpus = n` compiles for an `n`
/// of any type. It counts in millionths where it is used: n tasks of 1.0 / n fit where one of 1 does.
class Amount {
 public:
  /// Nothing of it.
  constexpr Amount() = default;
  /// `number` as a double; whether it makes sense is checked where it is used.
  template <class N>
  requires std::is_arithmetic_v<N>
  constexpr Amount(N number) : value_(static_cast<double>(number)) {}

  /// The amount as it was given.
  constexpr double value() const { return value_; }
  /// Whether both are the same amount.
  friend constexpr bool operator==(Amount, Amount) = default;

 private:
  double value_ = 0;
};

/// A whole number: bytes or a count. Any number converts to it, so that `.memory = n` compiles for an `n` of any type.
class WholeNumber {
 public:
  /// Zero.
  constexpr WholeNumber() = default;
  /// `number` without its fraction. A number that does not fit into 64 bits becomes the nearest that does; one that is
  /// no number (NaN) becomes -1, which is refused where it is used.
  template <class N>
  requires std::is_arithmetic_v<N>
  constexpr WholeNumber(N number) : value_(convert(number)) {}

  /// The number.
  constexpr std::int64_t value() const { return value_; }
  /// Whether both are the same number.
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

/// A length of time. Any duration of std::chrono converts to it, `30s` and `0.5s` for example.
class Duration {
 public:
  /// No time.
  constexpr Duration() = default;
  /// `length` in nanoseconds, its fraction cut off. A length that can't be counted in nanoseconds becomes the longest
  /// that can (292 years).
  template <class Rep, class Period>
  constexpr Duration(std::chrono::duration<Rep, Period> length) : value_(convert(length)) {}

  /// The length in nanoseconds.
  constexpr std::chrono::nanoseconds value() const { return value_; }
  /// Whether both are equally long.
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

/// The resources that a task needs, and how its failures are met; the first argument of submit(), usually in braces:
///
///     auto loss = morrow::submit({.cpus = 0.5, .memory = 1_GiB, .timeout = 30s}, train, 0.1, 10);
///
/// Resources are counted, not enforced: a worker runs at once only the tasks whose needs fit into the resources that it
/// was started with. submit() refuses values outside of their limits with std::invalid_argument.
struct Options {
  /// Processors, from 0 to 10^9; tasks with less than 1 share one. A task that waits leaves them to others.
  Amount cpus = 1;
  /// Bytes of memory, from 0 to 2^50, reserved while the task runs, and a limit: one that uses more than it asked for,
  /// with all that it starts, fails with OutOfMemoryError. 0: there is no limit. Values in the object memory do not
  /// count.
  WholeNumber memory = 0;
  /// GPUs, from 0 to 10^9. Tasks with less than 1 share a device; more than 1 is rounded up to whole devices. The task
  /// finds its own in the environment variable CUDA_VISIBLE_DEVICES, or in AMD's, under the names that the worker was
  /// given them by. A task that asks for none sees none, where the worker has some.
  Amount gpus = 0;
  /// Other resources, by the names that the workers were started with (`morrow worker --resource NAME=AMOUNT`): at most
  /// 64, with names of 1 to 64 bytes and amounts from 0 to 10^9.
  std::map<std::string, Amount> resources = {};
  /// How often the task may be tried again, 0 or more.
  ///
  /// It is tried again when its process died or its worker did, and when it found no room in the object memory because
  /// other tasks held it. A large value that was lost with the workers that held it is computed again: that counts as a
  /// try too. With 0 nothing is run twice.
  ///
  /// The first retry comes about a tenth of a second after the failure, and each further one after twice the time, up
  /// to 5 s. What is no fault of the task is no try: a program that could not be started, a process that ended before
  /// the task began.
  WholeNumber max_retries = 3;
  /// Whether a task that throws is tried again too. Otherwise its exception is its outcome.
  bool retry_exceptions = false;
  /// The longest that one attempt may run; more than 0. None: as long as it takes. See TimeoutError.
  std::optional<Duration> timeout = {};
  /// Whether a task that ran longer than `timeout` is tried again too. Otherwise that is its outcome.
  bool retry_timeouts = false;
  /// Whether the future outlives its session: it is found by its `name` (find()), from any program and any day, until
  /// Future::release. See find() for what it keeps.
  bool detached = false;
  /// Whether the task has a process of its own, that ran no task before and runs none after it. Otherwise processes run
  /// one task after the other, and what a task left in globals and caches is there for the next one.
  bool fresh_process = false;
  /// A name for people, of 256 bytes at the most, in logs, errors and `morrow status`. Empty: the function's name.
  std::string name = {};
  /// Whether the task fails with UnschedulableError when no worker of the cluster could ever meet its requirements.
  /// Otherwise it waits for a worker that can.
  bool fail_if_unschedulable = false;
  /// The place where the task was submitted; the compiler fills it in.
  std::source_location where = std::source_location::current();
};

/// \}

}  // namespace morrow
