// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace morrow::wire {

/// Looks for a while before it sleeps.
///
/// To wake a thread that sleeps on another core costs more than all else that a short task needs: 30 to 50 µs each time
/// on a virtual machine, four times a task. A thread that expects an answer within that time had better look for it.
/// Between two looks it yields the core, so that it takes nothing from threads that have something to do. Where answers
/// have been slow it does not try, but for now and then; and where others take the core for long it tries ever more
/// rarely, since a thread that sleeps gets a core back at once and one that yields waits for its turn.
class Spin {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLimit{150};

  /// Calls `look` until it gives true (then true), for at most kLimit.
  template <class Look>
  bool until(Look look) {
    if (skip_ > 0) {
      --skip_;
      return false;
    }
    const auto start = Clock::now();
    auto now = start;
    do {
      if (look()) {
        credit_ = kCredit;
        pause_ = kPause;
        return true;
      }
      sched_yield();
      const auto before = std::exchange(now, Clock::now());
      if (now - before > kLimit) {
        pause_ = std::min(2 * pause_, kLongestPause);
        skip_ = pause_;
        return look();
      }
    } while (now - start < kLimit);
    if (credit_ > 1) {
      --credit_;
    } else {
      skip_ = pause_;
    }
    return false;
  }

 private:
  static constexpr std::uint32_t kCredit = 4;  // failures in a row until it tries only now and then
  static constexpr std::uint32_t kPause = 32;
  static constexpr std::uint32_t kLongestPause = 8192;

  std::uint32_t credit_ = kCredit;
  std::uint32_t pause_ = kPause;
  std::uint32_t skip_ = 0;  // so many times it does not try
};

}  // namespace morrow::wire
