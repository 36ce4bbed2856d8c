// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

/// What control takes from outside of the store. A simulator puts its own in place before it begins, so that a run can
/// be played again exactly.
namespace morrow::control::sources {

inline std::uint64_t system_microseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// The time that orders the index. Nothing depends on it but fairness.
inline std::uint64_t (*microseconds)() = &system_microseconds;

/// Makes each signal another one.
inline std::atomic<std::uint64_t> signals{0};

}  // namespace morrow::control::sources
