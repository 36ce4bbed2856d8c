// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "worker/brain/executor_states.h"
#include "worker/ids/ids.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Finds nested runs that stand still: for all of half a second their process has used no processor, and each of its
/// threads waits for a lock. A task under such a run may hold that lock, and goes on only when the run has ended
/// (brain/nested.cc). Main thread only.
class NestedWatch {
 public:
  /// What it acts with.
  struct Means {
    std::function<std::vector<NestedRun>()> runs;  ///< those of now
    /// What the process of this executor has used of processors so far, in ticks, while all of it waits for locks;
    /// nothing: it does not.
    std::function<std::optional<std::uint64_t>(ExecutorId)> used_while_locked;
    std::function<void(const NestedRun&)> stands_still;
    CallLater after;
  };

  explicit NestedWatch(Means means) : means_(std::move(means)) {}

  /// One begins: looks from now on, until there is none.
  void begun();

 private:
  using Key = std::pair<ExecutorId, control::Claim>;
  void look();

  Means means_;
  std::map<Key, std::uint64_t> locked_;  ///< by the last look, with what its process had used
  bool looks_ = false;
};

}  // namespace morrow::worker
