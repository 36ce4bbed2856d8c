// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>

#include "worker/objects/process_id.h"
#include "worker/objects/room_queue.h"

namespace morrow::worker {

/// Which executors wait for room, and says of each when it begins to and when it does not any more. One thread.
class RoomWaiters {
 public:
  using Tell = std::function<void(ProcessId, bool waits)>;

  /// To be called whenever the queue may have changed.
  void look(const RoomQueue& queue, const Tell& tell) {
    if (!tell || (queue.empty() && waiting_.empty())) return;
    std::set<ProcessId> now;
    queue.for_each_waiting([&](ProcessId process) {
      if (is_executor(process)) now.insert(process);
    });
    now.swap(waiting_);
    for (const ProcessId process : now) {
      if (!waiting_.contains(process)) tell(process, false);
    }
    for (const ProcessId process : waiting_) {
      if (!now.contains(process)) tell(process, true);
    }
  }

 private:
  std::set<ProcessId> waiting_;
};

}  // namespace morrow::worker
