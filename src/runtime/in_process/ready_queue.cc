// SPDX-License-Identifier: Apache-2.0
#include "runtime/in_process/ready_queue.h"

#include "base/invariant.h"
#include "base/must.h"

namespace morrow::runtime {

void ReadyQueue::add(const FuturePtr& future, bool nested) {
  ++last_;
  future->order = nested ? -last_ : last_;
  shapes_[future->needs.encode()].emplace(future->order, future);
}

void ReadyQueue::remove(const FuturePtr& future) {
  const auto shape = shapes_.find(future->needs.encode());
  MORROW_INVARIANT(shape != shapes_.end(), "a future that is ready is in the queue", future->id.scope,
                   future->id.sequence);
  base::must_erase(shape->second, future->order, "a future that is ready is in the queue");
  if (shape->second.empty()) shapes_.erase(shape);
}

FuturePtr ReadyQueue::next(const ResourceCounts& counts) const {
  FuturePtr found;
  for (const auto& [unused, shape] : shapes_) {
    const FuturePtr& first = shape.begin()->second;
    if ((found == nullptr || first->order < found->order) && counts.has(first->needs)) found = first;
  }
  return found;
}

}  // namespace morrow::runtime
