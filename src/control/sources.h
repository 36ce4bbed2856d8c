// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "control/types.h"

/// What control takes from outside of the store. A simulator puts its own in place before it begins, so that a run can
/// be played again exactly.
namespace morrow::control::sources {

inline std::uint64_t system_microseconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

/// The time that orders the index. Nothing depends on it but fairness.
inline std::uint64_t (*microseconds)() = &system_microseconds;

/// The sentence alone.
inline std::string plain_failure(FailureKind, const std::string& sentence, const Spec&, std::uint32_t) {
  return sentence;
}

/// A failure that control itself finds, as those who read outcomes know it: with the name of the task and the place of
/// its submit, which stand in what control does not look into. A worker puts its own in place before it begins.
inline std::string (*encode_failure)(FailureKind kind, const std::string& sentence, const Spec& spec,
                                     std::uint32_t attempt) = &plain_failure;

/// Makes each signal another one.
inline std::atomic<std::uint64_t> signals{0};

}  // namespace morrow::control::sources
