// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/invariant.h"
#include "control/round.h"
#include "worker/brain/commit_queue.h"

namespace morrow::worker {

/// The round that is on its way to the store, with the items that its operations were made of, one each and in the same
/// order. There is one at a time, so that a later change is never committed before an earlier one. Not thread-safe.
class RoundInFlight {
 public:
  /// `items` are without their operations, which stand in the round now.
  void start(Time now, std::vector<Item> items, std::shared_ptr<const control::Round> round) {
    MORROW_INVARIANT(!round_, "one round is under way at a time", items.size());
    MORROW_INVARIANT(round->ops.size() == items.size(), "each operation of a round is of an item", round->ops.size(),
                     items.size());
    items_ = std::move(items);
    round_ = std::move(round);
    last_ = now;
  }
  /// It is answered.
  std::pair<std::vector<Item>, std::shared_ptr<const control::Round>> finish() {
    MORROW_INVARIANT(round_ != nullptr, "a round that is answered is under way", items_.size());
    return {std::exchange(items_, {}), std::exchange(round_, nullptr)};
  }

  bool under_way() const { return round_ != nullptr; }
  /// When the last one started.
  Time last_start() const { return last_; }

 private:
  std::vector<Item> items_;
  std::shared_ptr<const control::Round> round_;
  Time last_ = 0;
};

}  // namespace morrow::worker
