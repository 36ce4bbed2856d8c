// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/invariant.h"

namespace morrow::runtime {

/// The numbers of the changes that a client asks for: given from 1 on, one after another, and acknowledged in this
/// order, each when it is committed and all before it are. Not thread-safe.
class ChangeNumbers {
 public:
  /// The number of a new change.
  std::uint64_t next() { return ++last_; }
  /// The last one that was given; 0: none.
  std::uint64_t last() const { return last_; }
  /// All up to this one are committed.
  std::uint64_t acknowledged() const { return acknowledged_; }

  /// A worker says that all up to `number` are committed. Old news change nothing, and no number counts that was never
  /// given.
  void acknowledge(std::uint64_t number) {
    acknowledged_ = std::max(acknowledged_, std::min(number, last_));
    MORROW_INVARIANT(acknowledged_ <= last_, "a change is asked for before it is committed", acknowledged_, last_);
  }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace morrow::runtime
