// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// What a message may have in it. Drivers keep to it, with sentences that say what to do; workers look at it again,
/// since others may say anything.
namespace morrow::wire {

inline constexpr std::size_t kMaxTaskNameBytes = 256;
inline constexpr std::size_t kMaxArgumentBytes = 256 << 10;  ///< in a SUBMIT itself, with what was captured
inline constexpr std::size_t kMaxPayloadBytes = 1 << 20;     ///< these, and the names of functions and types

}  // namespace morrow::wire
