// SPDX-License-Identifier: Apache-2.0
// Object memory costs when a page is touched for the first time: the kernel clears it, and the table that maps it is
// made, once for each process that looks there. So the allocator is made to use the same pages again: best fit, and
// among ranges of one size the lowest. Best fit also leaves the large ranges whole, and large ones are what is asked
// for; a buddy allocator would lose up to half of a large one.
//
// Two orders of the free ranges:
//
//     free_     by offset: finds the neighbours of a range that comes free, so that they become one
//     by_size_  by size, then offset: finds the best fit
//
// All of it costs O(log n) of n ranges, and n is some thousands at the most: objects are of 100 kB or more. Only where
// the machine had no memory and a limit stands is there a search over free ranges.
//
// Nothing is kept in the memory itself, which processes of users write to: no bug of theirs can mislead this.
#include "data/extents.h"

#include <algorithm>

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::data {

Extents::Extents(std::uint64_t capacity) : capacity_(capacity / kPageBytes * kPageBytes), limit_(capacity_) {
  if (capacity_ != 0) add_free(0, capacity_);
}

std::optional<Extent> Extents::allocate(std::uint64_t size) {
  if (size > capacity_) return std::nullopt;
  const std::uint64_t need = in_whole_pages(size);
  auto best = by_size_.lower_bound({need, 0});
  while (best != by_size_.end() && best->second + need > limit_) ++best;
  if (best == by_size_.end()) return std::nullopt;
  const auto [have, offset] = *best;
  remove_free(free_.find(offset));
  if (have > need) add_free(offset + need, have - need);
  note_taken(offset, need);
  return Extent{offset, size};
}

void Extents::take(Extent extent) {
  const std::uint64_t need = in_whole_pages(extent.size);
  auto range = free_.upper_bound(extent.offset);
  MORROW_INVARIANT(range != free_.begin(), "a range that is taken was free", extent.offset, extent.size);
  --range;
  const auto [offset, size] = *range;
  MORROW_INVARIANT(extent.offset % kPageBytes == 0 && extent.offset + need <= offset + size,
                   "a range that is taken was free", extent.offset, extent.size, offset, size);
  remove_free(range);
  if (offset < extent.offset) add_free(offset, extent.offset - offset);
  if (extent.offset + need < offset + size) add_free(extent.offset + need, offset + size - extent.offset - need);
  note_taken(extent.offset, need);
}

void Extents::free(Extent extent) {
  const auto found = taken_.find(extent.offset);
  MORROW_INVARIANT(found != taken_.end(), "a range that is freed was taken", extent.offset, extent.size);
  MORROW_INVARIANT(found->second == in_whole_pages(extent.size), "a range is freed as it was taken", extent.offset,
                   extent.size, found->second);
  std::uint64_t offset = found->first;
  std::uint64_t size = found->second;
  taken_.erase(found);
  MORROW_INVARIANT(used_ >= size, "what is taken counts", used_, size);
  used_ -= size;
  auto next = free_.lower_bound(offset);
  MORROW_INVARIANT(next == free_.end() || next->first >= offset + size, "a range that was taken was not free", offset,
                   size, next->first);
  if (next != free_.end() && next->first == offset + size) {
    size += next->second;
    next = remove_free(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    MORROW_INVARIANT(before->first + before->second <= offset, "a range that was taken was not free", offset,
                     before->first, before->second);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      remove_free(before);
    }
  }
  add_free(offset, size);
  check_sum();
}

std::uint64_t Extents::largest_free() const {
  if (limit_ == capacity_) return by_size_.empty() ? 0 : by_size_.rbegin()->first;
  std::uint64_t largest = 0;
  for (const auto& [offset, size] : free_) {
    if (offset < limit_) largest = std::max(largest, std::min(offset + size, limit_) - offset);
  }
  return largest;
}

void Extents::limit(std::uint64_t end) { limit_ = std::min(end / kPageBytes * kPageBytes, capacity_); }

void Extents::note_taken(Offset offset, std::uint64_t need) {
  const auto [taken, is_new] = taken_.emplace(offset, need);
  MORROW_INVARIANT(is_new, "a range is taken once", offset, need);
  MORROW_INVARIANT(taken == taken_.begin() || std::prev(taken)->first + std::prev(taken)->second <= offset,
                   "a range begins where the one before it has ended", std::prev(taken)->first,
                   std::prev(taken)->second, offset);
  MORROW_INVARIANT(std::next(taken) == taken_.end() || offset + need <= std::next(taken)->first,
                   "a range ends before the next one begins", offset, need, std::next(taken)->first);
  used_ += need;
  check_sum();
}

void Extents::add_free(Offset offset, std::uint64_t size) {
  MORROW_INVARIANT(size != 0 && offset % kPageBytes == 0 && size % kPageBytes == 0 && size <= capacity_ &&
                       offset <= capacity_ - size,
                   "a range is of whole pages and within the arena", offset, size, capacity_);
  const bool is_new = free_.emplace(offset, size).second && by_size_.emplace(size, offset).second;
  MORROW_INVARIANT(is_new, "a range is free once", offset, size);
  free_bytes_ += size;
}

/// Returns the next one.
Extents::Ranges::iterator Extents::remove_free(Ranges::iterator range) {
  MORROW_INVARIANT(range != free_.end(), "a range that is removed is free", free_.size(), by_size_.size());
  base::must_erase(by_size_, std::pair{range->second, range->first}, "a free range is in both orders");
  free_bytes_ -= range->second;
  return free_.erase(range);
}

void Extents::check_sum() const {
  MORROW_INVARIANT(used_ + free_bytes_ == capacity_, "what is taken and what is free make all of it", used_,
                   free_bytes_, capacity_);
  MORROW_INVARIANT(free_.size() == by_size_.size(), "a free range is in both orders", free_.size(), by_size_.size());
}

}  // namespace morrow::data
