// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/cluster.h"
#include "control/questions.h"
#include "wire/messages.pb.h"
#include "worker/brain/task_seen.h"

/// What people are told of a future. Each text goes on after the future's name: "future ID 'NAME' " + text.
namespace morrow::worker {

/// "0.4 s", "40 s", "3 min", "2 h".
std::string span_text(Time nanoseconds);

/// "12 others, of 'render' (9) and 'load' (3)". Of the names the most frequent; `names` may tell of fewer than all.
std::string others_text(std::uint64_t count, const std::map<std::string, std::uint64_t>& names);

/// "; its driver is gone: its session ends in 8 s, unless it comes back". Empty: the session has its driver.
std::string driver_gone_text(std::optional<std::uint64_t> left_ms);

/// One that holds room in the object memory.
struct RoomHolder {
  std::string who;  ///< for people
  std::uint64_t bytes = 0;
};
/// "60 MB by future … 'render', 40 MB by the driver (process 12), 3 MB by 2 others"; empty: nobody holds any.
std::string held_text(const std::vector<RoomHolder>& holders);

/// Of one that the store has, and no worker's own knowledge tells more of.
std::string reason_of(const control::FutureSeen& future, const std::vector<control::WorkerSeen>& workers);

/// "failed: TYPE: MESSAGE (worker one, attempt 1)"
std::string failure_text(const control::Outcome& outcome);
/// Behind the warnings that are there.
void add_warning(wire::WhyReply& reply, const std::string& sentence);
/// A process is at it, though it may wait there.
bool is_running(const TaskSeen& task);

/// Who runs a task.
struct RunsOn {
  std::string worker;
  pid_t pid = 0;          ///< of the executor; 0: none is known
  std::string processor;  ///< what ProcessorUse says of it
  std::string values;     ///< why its process was not given the task yet; empty: it was
  std::string room;       ///< what room it waits for, and who holds it: "waits for …"; empty: it waits for none
};
/// Of one that this worker holds. `full` is the sentence about a store that is full or away; empty: it is well.
std::string reason_of(const TaskSeen& task, const RunsOn& where, Time now, const std::string& full);
/// "runs on worker one (process 12) and waits there for", what it awaits follows.
std::string blocked_text(const RunsOn& where);

/// A future that waits for the next one of a chain; of the last: why it is not there.
struct ChainLink {
  wire::FutureInfo info;  ///< of this one alone
  std::string waits;      ///< "waits for", "runs on … and waits there for"; of the last: nothing
};
/// What is told of the first: of the chain, its root, and where that stands.
wire::FutureInfo told(const std::vector<ChainLink>& chain);

}  // namespace morrow::worker
