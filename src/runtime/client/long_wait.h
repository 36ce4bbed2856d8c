// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>

namespace morrow::runtime {

/// When a wait of the program is told of: once it has lasted for the patience, and then each time that it lasts twice
/// as long. Looked at now and then, so that a wait itself costs nothing. A value.
class LongWait {
 public:
  using Clock = std::chrono::steady_clock;

  /// The wait goes on; it began when it was looked at first. True: it is to be told of.
  bool look(Clock::time_point now, std::chrono::nanoseconds patience) {
    if (!since_) {
      since_ = now;
      next_ = patience;
    }
    if (now - *since_ < next_) return false;
    next_ = 2 * (now - *since_);
    return true;
  }
  /// It is over.
  void end() { since_.reset(); }

 private:
  std::optional<Clock::time_point> since_;
  std::chrono::nanoseconds next_{0};
};

}  // namespace morrow::runtime
