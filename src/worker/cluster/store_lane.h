// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace morrow::worker {

/// In which order the store's thread takes up what is posted to it: the first lane that holds a job goes first, but for
/// those that were passed over too often (LaneTurns).
enum class StoreLane : std::uint8_t {
  kRound,   ///< the worker's own rounds, and what must stand before them
  kClaim,   ///< where others compete, and what a start of a program waits for
  kUpkeep,  ///< what may wait
  kUpload,  ///< what is large and new: while the store is full it waits, and the others go on
};
inline constexpr std::size_t kStoreLanes = 4;

/// Whose turn it is. What is urgent may come without end, and what may wait must not wait for ever: a lane that holds a
/// job is passed over so many times at the most, and then goes first once. Not thread-safe.
class LaneTurns {
 public:
  /// The lane whose first job is next, of those that hold one which may run; nothing when none does.
  std::optional<std::size_t> next(const std::array<bool, kStoreLanes>& waiting) {
    std::optional<std::size_t> first;
    std::optional<std::size_t> starving;
    for (std::size_t lane = 0; lane < kStoreLanes; ++lane) {
      if (!waiting.at(lane)) {
        passed_.at(lane) = 0;
        continue;
      }
      if (!first) first = lane;
      if (passed_.at(lane) >= kMostPassed) starving = lane;
    }
    const std::optional<std::size_t> taken = starving ? starving : first;
    for (std::size_t lane = 0; lane < kStoreLanes; ++lane) {
      if (waiting.at(lane)) ++passed_.at(lane);
    }
    if (taken) passed_.at(*taken) = 0;
    return taken;
  }

 private:
  static constexpr int kMostPassed = 16;  // jobs: a round, too, waits for one step of upkeep in so many at the most

  std::array<int, kStoreLanes> passed_{};
};

}  // namespace morrow::worker
