// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

#include "control/types.h"
#include "worker/brain/flat_map.h"

namespace morrow::worker {

/// Outcomes that were committed a short while ago, for those that ask soon. Most values are asked for once: what was
/// waited for is not kept, unless somebody asks once more.
///
/// Bounded by bytes, the oldest goes first. Counted are all that stand in the order, those that were forgotten too.
/// Not thread-safe.
class RecentOutcomes {
 public:
  /// Keeps about so many bytes.
  explicit RecentOutcomes(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Nothing happens when it is known already. One that is larger than all that may be kept is not.
  void remember(control::FutureId id, const control::OutcomePtr& outcome);
  /// Null: not kept.
  control::OutcomePtr recall(control::FutureId id) const;
  /// The outcome does not hold any more, or nobody can ask for it.
  void forget(control::FutureId id);

  std::size_t size() const { return outcomes_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  /// An outcome in the order of keeping, with the bytes that it was counted for.
  struct Kept {
    control::FutureId id;
    std::size_t bytes = 0;
  };
  std::size_t max_bytes_;
  FlatMap<control::FutureId, control::OutcomePtr> outcomes_;
  std::deque<Kept> order_;  ///< the oldest first; may name some that were forgotten
  std::size_t bytes_ = 0;   ///< sum of the order
};

}  // namespace morrow::worker
