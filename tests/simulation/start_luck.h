// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "tests/simulation/downtime.h"
#include "tests/simulation/timeline.h"

namespace morrow::simulation {

/// What becomes of each start of a process at one worker. Some fail by chance within a moment, never two after each
/// other: too few for the program to be given up. A worker that is unfit can't start the program for a while. The
/// hopeless program starts nowhere.
class StartLuck {
 public:
  enum class Fate : std::uint8_t {
    kRuns,
    kFails,  ///< there is no process
    kEnds,   ///< the process ends before it takes a task
  };

  StartLuck(Random& random, std::uint64_t failure_percent) : random_(random), failure_percent_(failure_percent) {}

  Fate draw(Time now, bool hopeless) {
    if (hopeless) return failed();
    const bool by_chance = failure_percent_ != 0 && random_.chance(failure_percent_) && !failed_before_ &&
                           (chance_since_ == 0 || now < chance_since_ + kMoment);
    if (by_chance && chance_since_ == 0) chance_since_ = now;
    const bool fails = unfit_.down(now) || by_chance;
    failed_before_ = fails;
    if (!fails) return Fate::kRuns;
    if (unfit_.down(now) && attempts_++ == 0) first_failure_ = now;
    return failed();
  }

  void unfit_until(Time now, Time until) {
    if (!unfit_.down(now)) attempts_ = taken_ = 0;
    unfit_.down_until(now, until);
  }
  void calm(Time now) {
    failure_percent_ = 0;
    unfit_.end(now);
  }
  bool unfit(Time now) const { return unfit_.down(now); }

  /// The worker took so many futures from others. False: more than one for each try, though it knows that the program
  /// does not start here. `since` then it has no process of it.
  bool may_take(Time now, std::size_t count, Time since) {
    if (!unfit_.down(now) || attempts_ == 0) return true;
    if (now < std::max(first_failure_, since) + kSettled) return true;
    taken_ += count;
    return taken_ <= attempts_ + kOnTheirWay;
  }

 private:
  static constexpr Time kMoment = kSecond;
  static constexpr Time kSettled = kSecond;  ///< what was asked for before is answered by then
  static constexpr std::size_t kOnTheirWay = 2;

  Fate failed() { return random_.chance(50) ? Fate::kFails : Fate::kEnds; }

  Random& random_;
  std::uint64_t failure_percent_;
  Downtime unfit_;
  bool failed_before_ = false;
  Time chance_since_ = 0;     ///< the first failure by chance; 0: there was none
  std::size_t attempts_ = 0;  ///< that failed since it is unfit
  std::size_t taken_ = 0;
  Time first_failure_ = 0;
};

}  // namespace morrow::simulation
