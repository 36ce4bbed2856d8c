// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// How long something took, many times: counts by length, and the sum. To add one costs a search among a few bounds,
/// and no memory. A value.
class Durations {
 public:
  /// In nanoseconds: 0.1 ms to 1 h.
  static constexpr std::array<Time, 16> kBounds{100'000,         300'000,         1'000'000,         3'000'000,
                                                10'000'000,      30'000'000,      100'000'000,       300'000'000,
                                                1'000'000'000,   3'000'000'000,   10'000'000'000,    30'000'000'000,
                                                100'000'000'000, 300'000'000'000, 1'000'000'000'000, 3'600'000'000'000};

  void add(Time took) {
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), took);
    ++counts_[static_cast<std::size_t>(bound - kBounds.begin())];
    sum_ns_ += took;
  }

  /// For each bound those that took so long at the most and longer than the bound before; the last: all longer ones.
  const std::array<std::uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  Time sum_ns() const { return sum_ns_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  Time sum_ns_ = 0;
};

}  // namespace morrow::worker
