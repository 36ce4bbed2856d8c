// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace morrow::wire {

/// What one end of a session knows of the other end's life. Each end takes a turn once in a while: it sends a BEAT when
/// it said nothing since the turn before, and counts the turns in which it heard nothing. Turns are counted and not the
/// clock, so time in which this process itself stood still is no silence of the other. A value; not thread-safe.
class SignsOfLife {
 public:
  using Milliseconds = std::chrono::milliseconds;

  /// Of a cluster with this lease; 0: it is not known, so nobody is silent and none beats.
  explicit SignsOfLife(std::uint64_t lease_ms = 0)
      : period_(lease_ms == 0 ? kLongestPeriod
                              : std::clamp(Milliseconds(lease_ms / kTurns), kShortestPeriod, kLongestPeriod)),
        most_quiet_turns_(lease_ms == 0 ? 0 : (limit(lease_ms) + period_ - Milliseconds(1)) / period_) {}

  /// The time between two turns.
  Milliseconds period() const { return period_; }

  /// A turn: `heard` and `said` are any numbers that change with what comes from the other end and what goes there.
  /// True: a beat is due.
  bool turn(std::uint64_t heard, std::uint64_t said) {
    quiet_turns_ = heard == heard_ ? quiet_turns_ + 1 : 0;
    heard_ = heard;
    return std::exchange(said_, said) == said && most_quiet_turns_ > 0;
  }
  /// A beat was sent; what is said is at `said` with it.
  void beat_sent(std::uint64_t said) { said_ = said; }

  /// This end read nothing, so it can't have heard anything.
  void did_not_listen() { quiet_turns_ = 0; }

  /// Nothing was heard for a third of the lease.
  bool is_silent() const { return most_quiet_turns_ > 0 && quiet_turns_ >= most_quiet_turns_; }
  /// How long nothing was heard.
  Milliseconds silence() const { return quiet_turns_ * period_; }

 private:
  static constexpr std::uint64_t kTurns = 12;  // in a lease: some of them fit into its third
  static constexpr Milliseconds kShortestPeriod{100};
  static constexpr Milliseconds kLongestPeriod{1'000};
  // A busy machine may leave a process without a processor for a while: with the short leases of tests that is no
  // death.
  static constexpr Milliseconds kShortestSilence{1'000};

  static Milliseconds limit(std::uint64_t lease_ms) { return std::max(Milliseconds(lease_ms / 3), kShortestSilence); }

  Milliseconds period_;
  std::int64_t most_quiet_turns_;
  std::int64_t quiet_turns_ = 0;
  std::uint64_t heard_ = 0;
  std::uint64_t said_ = 0;
};

}  // namespace morrow::wire
