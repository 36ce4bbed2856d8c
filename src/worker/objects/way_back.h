// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <unordered_map>

#include "worker/objects/object.h"

namespace morrow::worker {

/// Whether every value that is only on disk can come back into memory: way_back.cc begins with the rule. It holds
/// numbers only, and is told of each change of an object. Owned by Objects. One thread.
///
/// Invariants: no two values that stay lie in the same place; what they leave free is cut into gaps that do not touch.
class WayBack {
 public:
  /// Of a memory of so many bytes.
  explicit WayBack(std::uint64_t capacity_bytes);

  /// The memory, the file or the promise of the object may have changed.
  void note(const Object& object);
  /// It is gone.
  void forget(std::uint64_t number);

  /// The largest value that is only on disk finds a place when all that can move has moved.
  bool is_open() const { return out_.empty() || *out_.rbegin() <= largest_gap(); }

 private:
  /// What counts of an object; zero: nothing does.
  struct Part {
    std::uint64_t begin = 0, end = 0;  ///< it stays there
    std::uint64_t out_bytes = 0;       ///< it is only on disk

    bool stays() const { return end != 0; }
  };
  static Part part_of(const Object& object);
  void add(const Part& part);
  void take_back(const Part& part);
  std::uint64_t largest_gap() const { return gaps_.empty() ? 0 : *gaps_.rbegin(); }
  std::uint64_t end_before(std::map<std::uint64_t, std::uint64_t>::const_iterator next) const;
  void replace_gap(std::uint64_t begin, std::uint64_t middle, std::uint64_t middle_end, std::uint64_t end, bool cut);

  const std::uint64_t capacity_bytes_;
  std::unordered_map<std::uint64_t, Part> parts_;
  std::map<std::uint64_t, std::uint64_t> stay_;  ///< begin and end of each value that stays
  std::multiset<std::uint64_t> gaps_;            ///< sizes
  std::multiset<std::uint64_t> out_;             ///< sizes
};

}  // namespace morrow::worker
