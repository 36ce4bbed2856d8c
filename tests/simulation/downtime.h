// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "tests/simulation/timeline.h"

namespace morrow::simulation {

/// The times in which something does not work: it stands still, or is cut off.
class Downtime {
 public:
  /// From now on until then, at the least.
  void down_until(Time now, Time until) {
    if (!down(now)) {
      before_ += until_ - since_;
      since_ = until_ = now;
    }
    until_ = std::max(until_, until);
  }
  void end(Time now) { until_ = std::min(until_, std::max(now, since_)); }

  bool down(Time now) const { return now < until_; }
  /// When it works again; in the past: it does.
  Time until() const { return until_; }
  /// How long it was down so far, all in all.
  Time total(Time now) const { return before_ + std::min(now, until_) - since_; }

 private:
  Time before_ = 0;  ///< of all but the last time
  Time since_ = 0;
  Time until_ = 0;
};

}  // namespace morrow::simulation
