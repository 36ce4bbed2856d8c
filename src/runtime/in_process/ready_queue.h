// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/in_process/future_record.h"
#include "runtime/in_process/resource_counts.h"

namespace morrow::runtime {

/// Futures whose tasks can begin as soon as there are the resources: first come, first served, but for those that do
/// not fit. What tasks submit goes before all others, the latest first: so a tree of tasks is walked depth first, and
/// few of them stand open. Not thread-safe.
class ReadyQueue {
 public:
  /// `nested`: a task has submitted it.
  void add(const FuturePtr& future, bool nested);
  void remove(const FuturePtr& future);
  /// The next one that may begin; null: there is none. It stays in the queue.
  FuturePtr next(const ResourceCounts& counts) const;

 private:
  /// Those that need the same, by their order: all fit, or none.
  using Shape = std::map<std::int64_t, FuturePtr>;

  std::map<std::string, Shape> shapes_;  ///< by what they need, encoded
  std::int64_t last_ = 0;
};

}  // namespace morrow::runtime
