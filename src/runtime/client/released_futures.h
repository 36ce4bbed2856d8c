// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <unordered_map>

#include <morrow/detail/core.h>

namespace morrow::runtime {

/// The futures that this process has released, so that what it asks of them later has one answer, whether or not the
/// cluster has freed them yet. The futures of a scope are numbered, so those that were released are kept as ranges:
/// they take no more memory than those between them that were not. Of very many scopes the ones that were used last are
/// known. Not thread-safe.
class ReleasedFutures {
 public:
  static constexpr std::size_t kMostScopes = 1'000;

  void add(detail::FutureId id);
  bool contains(detail::FutureId id) const;
  bool empty() const { return scopes_.empty(); }
  /// Nothing of the scope is there any more, and the cluster says so itself.
  void forget_scope(std::uint64_t scope) { scopes_.erase(scope); }
  /// How many scopes and ranges are known.
  std::size_t scopes() const { return scopes_.size(); }
  std::size_t ranges(std::uint64_t scope) const;

 private:
  /// The released futures of one scope.
  struct Released {
    std::map<std::uint64_t, std::uint64_t> ranges;  ///< first number to last; they neither overlap nor touch
    std::uint64_t used = 0;                         ///< when it was added to, as `uses_` counts
  };
  void forget_oldest();

  std::unordered_map<std::uint64_t, Released> scopes_;
  std::uint64_t uses_ = 0;
};

}  // namespace morrow::runtime
