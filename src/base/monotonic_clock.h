// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace morrow::base {

/// Nanoseconds of CLOCK_MONOTONIC, which is the clock of std::chrono::steady_clock: the same in all processes of a
/// machine, and never set back.
inline std::uint64_t monotonic_ns() {
  using std::chrono::nanoseconds;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

/// The same in whole milliseconds.
inline std::uint64_t monotonic_ms() { return monotonic_ns() / 1'000'000; }

}  // namespace morrow::base
