// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "control/round.h"
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
    refused_up_to_ = store::Room::kNew;
    return true;
  }
  void is_over() { on_ = false; }

  /// What needs no more room than this found none either: it waits for the next look.
  void refused_too(store::Room room) { refused_up_to_ = std::max(refused_up_to_, room); }
  bool waits(store::Room room) const { return room <= refused_up_to_; }

  Time next_look() const { return next_look_; }
  void look_at(Time time) { next_look_ = time; }
  /// True when it is time to ask the store whether it has room again; the next time is later.
  bool take_look(Time now) {
    if (now < next_look_) return false;
    next_look_ = now + kLookEvery;
    refused_up_to_ = store::Room::kNew;
    return true;
  }

 private:
  bool on_ = false;
  store::Room refused_up_to_ = store::Room::kNew;
  Time since_ = 0;
  Time next_look_ = 0;
  std::string sentence_;
};

}  // namespace morrow::worker
