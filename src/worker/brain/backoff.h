// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "worker/brain/random_ids.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// How long to wait before something that failed is tried again: twice as long after each failure, up to a bound, and
/// a quarter more or less at random, so that what failed together does not come back together.
struct Backoff {
  Time first = 0;  ///< after one failure
  Time most = 0;

  /// After so many failures, 1 or more.
  Time after(std::uint32_t failures, RandomIds& random) const {
    constexpr std::uint32_t kMostDoublings = 32;  // far beyond any bound, and no overflow
    const Time whole = std::min(most, first << std::min(std::max(failures, 1U) - 1, kMostDoublings));
    return whole - whole / 4 + random.up_to(whole / 2);
  }
};

}  // namespace morrow::worker
