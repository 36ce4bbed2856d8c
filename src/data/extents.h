// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace morrow::data {

/// A range of an arena, in bytes.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< as asked
};

/// Which ranges of an arena are taken: whole pages, best fit, the lowest first, so that the same pages are used again.
/// Holds no memory itself. Not thread-safe.
class Extents {
 public:
  explicit Extents(std::uint64_t capacity);
  /// Nothing when no free range is large enough.
  std::optional<Extent> allocate(std::uint64_t size);
  /// \throws std::logic_error when it was not allocated
  void free(Extent extent);
  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const { return used_; }
  std::uint64_t largest_free() const;
  /// Hands out nothing beyond `end` until it is called again.
  void limit(std::uint64_t end);
  std::uint64_t limit() const { return limit_; }

 private:
  using Offset = std::uint64_t;
  std::uint64_t capacity_;
  std::uint64_t limit_;
  std::uint64_t used_ = 0;
  std::map<Offset, std::uint64_t> free_;
  std::set<std::pair<std::uint64_t, Offset>> by_size_;
  std::map<Offset, std::uint64_t> taken_;
};

}  // namespace morrow::data
