// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/in_process/future_record.h"
#include "runtime/in_process/resource_counts.h"

/// Sentences about futures that have not ended.
namespace morrow::runtime {

/// "0123456789abcdef/5 'train'"
std::string named(const FutureRecord& future);

/// Where it stands: "runs in this process for 12.0 s".
std::string reason_of(const FutureRecord& future, const ResourceCounts& counts);

/// "it needs 8 cpus, and this session, in one process, has 2 cpus", of a task whose needs are never met.
std::string too_much(const FutureRecord& future, const ResourceCounts& counts);

/// When the task of `me`, which has just begun a wait, waits for itself, through others: a sentence that has all of
/// them. Else empty.
std::string deadlock_of(const RunningTask& me);

}  // namespace morrow::runtime
