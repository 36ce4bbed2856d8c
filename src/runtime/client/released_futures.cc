// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/released_futures.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/invariant.h"

namespace morrow::runtime {

void ReleasedFutures::add(detail::FutureId id) {
  Released& released = scopes_[id.scope];
  released.used = ++uses_;
  auto& ranges = released.ranges;
  const auto after = ranges.upper_bound(id.sequence);
  const bool joins_next = after != ranges.end() && after->first == id.sequence + 1;
  const auto before = after == ranges.begin() ? ranges.end() : std::prev(after);
  if (before != ranges.end() && before->second >= id.sequence) return;
  const std::uint64_t last = joins_next ? after->second : id.sequence;
  if (joins_next) ranges.erase(after);
  if (before != ranges.end() && before->second + 1 == id.sequence) {
    before->second = last;
  } else {
    ranges.emplace(id.sequence, last);
  }
  if (scopes_.size() > kMostScopes) forget_oldest();
}

bool ReleasedFutures::contains(detail::FutureId id) const {
  const auto found = scopes_.find(id.scope);
  if (found == scopes_.end()) return false;
  const auto& ranges = found->second.ranges;
  const auto after = ranges.upper_bound(id.sequence);
  return after != ranges.begin() && std::prev(after)->second >= id.sequence;
}

std::size_t ReleasedFutures::ranges(std::uint64_t scope) const {
  const auto found = scopes_.find(scope);
  return found == scopes_.end() ? 0 : found->second.ranges.size();
}

/// Half of them, so that it is seldom needed.
void ReleasedFutures::forget_oldest() {
  std::vector<std::uint64_t> uses;
  uses.reserve(scopes_.size());
  for (const auto& [scope, released] : scopes_) uses.push_back(released.used);
  const auto middle = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 2);
  std::nth_element(uses.begin(), middle, uses.end());
  std::erase_if(scopes_, [oldest = *middle](const auto& one) { return one.second.used < oldest; });
  MORROW_INVARIANT(scopes_.size() <= kMostScopes, "scopes that were not used for long are forgotten", scopes_.size());
}

}  // namespace morrow::runtime
