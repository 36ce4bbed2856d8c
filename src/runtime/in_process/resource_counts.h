// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "base/resources.h"

namespace morrow::runtime {

/// How much of the session's resources its tasks have taken. More than all may be taken for a while: a task that goes
/// on after a wait does not wait again. Not thread-safe.
class ResourceCounts {
 public:
  explicit ResourceCounts(base::Resources total) : total_(std::move(total)) {}

  const base::Resources& total() const { return total_; }
  /// Whether a task that needs that much may begin now.
  bool has(const base::Resources& need) const;

  void take(const base::Resources& need) { taken_ += need; }
  void give_back(const base::Resources& need) { taken_ -= need; }

  /// The part of `need` that a task releases while it waits: cpus and named resources.
  static base::Resources released_in_wait(const base::Resources& need);

 private:
  const base::Resources total_;
  base::Resources taken_;
};

}  // namespace morrow::runtime
