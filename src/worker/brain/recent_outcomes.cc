// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/recent_outcomes.h"

#include "base/invariant.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kOverheadBytes = 200;  // about what an entry of table and order takes, beside the value's bytes

}  // namespace

void RecentOutcomes::remember(control::FutureId id, const control::OutcomePtr& outcome) {
  MORROW_INVARIANT(outcome != nullptr, "an outcome that is remembered is known", id);
  if (!outcomes_.emplace(id, outcome).second) return;
  const std::size_t bytes = outcome->bytes.size() + kOverheadBytes;
  order_.push_back({id, bytes});
  bytes_ += bytes;
  while (bytes_ > max_bytes_) {
    MORROW_INVARIANT(!order_.empty(), "what is counted stands in the order", bytes_, outcomes_.size());
    const Kept& oldest = order_.front();
    MORROW_INVARIANT(bytes_ >= oldest.bytes, "the count is the sum of the order", bytes_, oldest.bytes);
    outcomes_.erase(oldest.id);
    bytes_ -= oldest.bytes;
    order_.pop_front();
  }
}

control::OutcomePtr RecentOutcomes::recall(control::FutureId id) const {
  const auto found = outcomes_.find(id);
  return found == outcomes_.end() ? nullptr : found->second;
}

void RecentOutcomes::forget(control::FutureId id) { outcomes_.erase(id); }

}  // namespace morrow::worker
