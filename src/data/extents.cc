// SPDX-License-Identifier: Apache-2.0
#include "data/extents.h"

#include <algorithm>
#include <stdexcept>

namespace morrow::data {

namespace {

constexpr std::uint64_t kPageSize = 4096;

std::uint64_t in_whole_pages(std::uint64_t size) { return (size + kPageSize - 1) / kPageSize * kPageSize; }

}  // namespace

Extents::Extents(std::uint64_t capacity) : capacity_(capacity / kPageSize * kPageSize), limit_(capacity_) {
  free_[0] = capacity_;
  by_size_.emplace(capacity_, 0);
}

std::optional<Extent> Extents::allocate(std::uint64_t size) {
  if (size > capacity_) return std::nullopt;
  const std::uint64_t need = in_whole_pages(size == 0 ? 1 : size);
  auto best = by_size_.lower_bound({need, 0});
  while (best != by_size_.end() && best->second + need > limit_) ++best;
  if (best == by_size_.end()) return std::nullopt;
  const auto [have, offset] = *best;
  by_size_.erase(best);
  free_.erase(offset);
  if (have > need) {
    free_[offset + need] = have - need;
    by_size_.emplace(have - need, offset + need);
  }
  taken_[offset] = need;
  used_ += need;
  return Extent{offset, size};
}

void Extents::free(Extent extent) {
  const auto found = taken_.find(extent.offset);
  if (found == taken_.end()) throw std::logic_error("a range of the arena was freed that was not taken");
  std::uint64_t offset = found->first;
  std::uint64_t size = found->second;
  taken_.erase(found);
  used_ -= size;
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && next->first == offset + size) {
    by_size_.erase({next->second, next->first});
    size += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      by_size_.erase({before->second, before->first});
      offset = before->first;
      size += before->second;
      free_.erase(before);
    }
  }
  free_[offset] = size;
  by_size_.emplace(size, offset);
}

std::uint64_t Extents::largest_free() const {
  if (limit_ == capacity_) return by_size_.empty() ? 0 : by_size_.rbegin()->first;
  std::uint64_t largest = 0;
  for (const auto& [offset, size] : free_) {
    if (offset < limit_) largest = std::max(largest, std::min(offset + size, limit_) - offset);
  }
  return largest;
}

void Extents::limit(std::uint64_t end) { limit_ = std::min(end / kPageSize * kPageSize, capacity_); }

}  // namespace morrow::data
