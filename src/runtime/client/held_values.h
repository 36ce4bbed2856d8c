// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <unordered_map>

#include <morrow/detail/core.h>

#include "base/hash_ids.h"

namespace morrow::runtime {

/// The hash of an id, as everywhere.
struct HashId {
  std::size_t operator()(const detail::FutureId& id) const { return base::hash_of_id(id.scope, id.sequence); }
};

/// The large values that this process looks at, so that one of them is found again with no question to the worker.
/// Keeps none of them alive. Not thread-safe.
class HeldValues {
 public:
  /// From here on `find` gives these bytes, as long as anybody has a copy of the owner.
  void remember(detail::FutureId id, const std::shared_ptr<const void>& owner, detail::ByteView bytes);
  /// The value, when it is remembered and somebody holds it still.
  std::optional<detail::Value> find(detail::FutureId id) const;
  /// Nothing when it is not remembered.
  void forget(detail::FutureId id) { values_.erase(id); }
  /// How many are remembered, with some that nobody holds any more.
  std::size_t size() const { return values_.size(); }

 private:
  static constexpr std::size_t kLeastSweep = 64;

  /// The bytes of a value, for as long as somebody owns them.
  struct HeldValue {
    std::weak_ptr<const void> owner;
    detail::ByteView bytes;
  };

  std::unordered_map<detail::FutureId, HeldValue, HashId> values_;
  std::size_t sweep_at_ = kLeastSweep;  ///< with so many, those that nobody holds are taken out
};

}  // namespace morrow::runtime
