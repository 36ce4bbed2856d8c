// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace morrow::data {

/// The page of the machines that Morrow runs on; extents are whole pages.
inline constexpr std::uint64_t kPageBytes = 4096;

/// What an extent of so many bytes takes, one page at the least.
constexpr std::uint64_t in_whole_pages(std::uint64_t size) {
  return (std::max<std::uint64_t>(size, 1) + kPageBytes - 1) / kPageBytes * kPageBytes;
}

/// A range of an arena, in bytes.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  ///< as asked
};

/// Which ranges of an arena are taken: whole pages, best fit, the lowest first, so that the same pages are used again.
/// Holds no memory itself. Not thread-safe.
///
/// Invariants: each page is in one range, which is taken or free; no two free ranges touch; what is taken and what is
/// free add up to the capacity.
class Extents {
 public:
  explicit Extents(std::uint64_t capacity);
  /// Nothing when no free range below the limit is large enough. At least a page, and an extent of the size asked for.
  std::optional<Extent> allocate(std::uint64_t size);
  /// Takes this very range, which must be free.
  void take(Extent extent);
  /// Needs an extent as it was allocated.
  void free(Extent extent);
  /// In bytes, whole pages; so are the next ones.
  std::uint64_t capacity() const { return capacity_; }
  std::uint64_t used() const { return used_; }
  /// The most that `allocate` finds room for.
  std::uint64_t largest_free() const;
  /// Hands out nothing beyond `end` until it is called again. What is taken there stays taken.
  void limit(std::uint64_t end);
  std::uint64_t limit() const { return limit_; }

 private:
  using Offset = std::uint64_t;
  using Ranges = std::map<Offset, std::uint64_t>;  ///< and their sizes

  void note_taken(Offset offset, std::uint64_t size);
  void add_free(Offset offset, std::uint64_t size);
  Ranges::iterator remove_free(Ranges::iterator range);
  void check_sum() const;

  std::uint64_t capacity_;
  std::uint64_t limit_;
  std::uint64_t used_ = 0;
  std::uint64_t free_bytes_ = 0;
  Ranges free_;
  std::set<std::pair<std::uint64_t, Offset>> by_size_;  ///< the same
  Ranges taken_;
};

}  // namespace morrow::data
