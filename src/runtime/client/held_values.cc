// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/held_values.h"

#include <algorithm>
#include <utility>

#include "base/invariant.h"

namespace morrow::runtime {

void HeldValues::remember(detail::FutureId id, const std::shared_ptr<const void>& owner, detail::ByteView bytes) {
  MORROW_INVARIANT(owner != nullptr, "a value that is looked at has an owner", id.scope, id.sequence);
  values_[id] = {owner, bytes};
  if (values_.size() < sweep_at_) return;
  std::erase_if(values_, [](const auto& entry) { return entry.second.owner.expired(); });
  sweep_at_ = std::max(kLeastSweep, 2 * values_.size());
}

std::optional<detail::Value> HeldValues::find(detail::FutureId id) const {
  const auto found = values_.find(id);
  if (found == values_.end()) return std::nullopt;
  auto owner = found->second.owner.lock();
  if (!owner) return std::nullopt;
  return detail::Value{found->second.bytes, std::move(owner)};
}

}  // namespace morrow::runtime
