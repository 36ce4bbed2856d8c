// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

namespace morrow::worker {

/// The random numbers of the brain: the same seed gives the same ones. Not thread-safe.
class RandomIds {
 public:
  explicit RandomIds(std::uint64_t seed) : random_(seed) {}

  /// An id: any number but 0, which means none everywhere.
  std::uint64_t draw() {
    std::uint64_t drawn = 0;
    while (drawn == 0) drawn = random_();
    return drawn;
  }
  /// From 0 to `most`, to spread what would else happen everywhere at once.
  std::uint64_t up_to(std::uint64_t most) { return random_() % (most + 1); }

 private:
  std::mt19937_64 random_;
};

}  // namespace morrow::worker
