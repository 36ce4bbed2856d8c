// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace morrow::worker {

/// In which order the store's thread takes up what is posted to it: the first lane that holds a job goes first.
enum class StoreLane : std::uint8_t {
  kRound,   ///< the worker's own rounds, and what must stand before them
  kClaim,   ///< where others compete, and what a start of a program waits for
  kUpkeep,  ///< what may wait
  kUpload,  ///< what is large and new: while the store is full it waits, and the others go on
};
inline constexpr std::size_t kStoreLanes = 4;

}  // namespace morrow::worker
