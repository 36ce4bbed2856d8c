#pragma once

#include <sched.h>

#include <chrono>
#include <cstdint>

namespace morrow::wire {

/// Looks for a while before it sleeps.
///
/// To wake a thread that sleeps on another core costs more than all else that a short task needs: 30 to 50 µs each time
/// on a virtual machine, four times a task. Who expects an answer within that time had better look for it. Between two
/// looks it yields the core, so that it takes nothing from who has something to do; and where answers have been slow it
/// does not try, but for now and then.
class Spin {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kLimit{150};

  /// Calls `look` until it gives true (then true), for at most kLimit.
  template <class Look>
  bool until(Look look) {
    if (credit_ == 0 && ++skipped_ % kTryAgain != 0) return false;
    const auto end = Clock::now() + kLimit;
    do {
      if (look()) {
        credit_ = kCredit;
        return true;
      }
      sched_yield();
    } while (Clock::now() < end);
    if (credit_ > 0) --credit_;
    return false;
  }

 private:
  static constexpr std::uint32_t kCredit = 4;     // failures in a row until it stops trying
  static constexpr std::uint32_t kTryAgain = 32;  // then every so often

  std::uint32_t credit_ = kCredit;
  std::uint32_t skipped_ = 0;
};

}  // namespace morrow::wire
