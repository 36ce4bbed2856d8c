// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// That the store has no room for anything new: since when, what it said, and when to ask it again. Not thread-safe.
class Shortage {
 public:
  /// Not too often: each look is a transaction that fails.
  static constexpr Time kLookEvery = 100'000'000;

  /// True while new things wait.
  bool on() const { return on_; }
  Time since() const { return since_; }
  const std::string& sentence() const { return sentence_; }

  /// The store refused a round. True: it is the first one.
  bool refused(Time now, std::string sentence) {
    sentence_ = std::move(sentence);
    if (std::exchange(on_, true)) return false;
    since_ = now;
    next_look_ = now + kLookEvery;
    ends_wait_ = false;
    return true;
  }
  void is_over() { on_ = false; }

  /// Ends found no room either: they wait for the next look.
  void ends_refused() { ends_wait_ = true; }
  bool ends_wait() const { return ends_wait_; }

  Time next_look() const { return next_look_; }
  void look_at(Time time) { next_look_ = time; }
  /// True when it is time to ask the store whether it has room again; the next time is later.
  bool take_look(Time now) {
    if (now < next_look_) return false;
    next_look_ = now + kLookEvery;
    ends_wait_ = false;
    return true;
  }

 private:
  bool on_ = false;
  bool ends_wait_ = false;
  Time since_ = 0;
  Time next_look_ = 0;
  std::string sentence_;
};

}  // namespace morrow::worker
