// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "wire/messages.pb.h"
#include "worker/brain/task_seen.h"
#include "worker/brain/task_totals.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// What this worker tells of itself in a summary.
struct SummaryFacts {
  std::string worker;
  std::uint64_t started_unix_ms = 0;
  const std::unordered_map<std::string, TaskTotals::Total>& totals;
  std::vector<TaskSeen> tasks;  ///< that it holds
};

/// How the tasks of each name fare: what this worker holds and what ended here; with `everywhere` also what waits in
/// the store and is held by nobody, as far as it is counted in `patience_ms`. `then` is called once, on the main
/// thread.
void summarize(const wire::SummaryRequest& request, const SummaryFacts& facts, const PostToStore& post,
               const CallLater& later, std::uint64_t patience_ms, std::function<void(const wire::SummaryReply&)> then);

}  // namespace morrow::worker
