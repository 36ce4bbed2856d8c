// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "control/types.h"
#include "worker/pool/events.h"
#include "worker/shell/memory_watch.h"

/// Failures as clients read them.
namespace morrow::worker {

/// The wire::Failure of a failed outcome. What control found by itself has no text of its own: it gets one here.
std::string failure_bytes(const control::Outcome& outcome, const std::string& worker);

/// For control::sources: a failure that control finds, with the task that `spec` is of.
std::string encode_failure(control::FailureKind kind, const std::string& sentence, const control::Spec& spec,
                           std::uint32_t attempt);

/// The failure that an executor sent, with where it ran.
std::string located(const std::string& bytes, const std::string& worker, std::uint32_t attempt);

/// "its process was killed by signal 11 (Segmentation fault)", "its process exited with status 3 …", or why the worker
/// ended it.
std::string describe_end(const ExecutorExit& exit);

/// The failure of a task whose process died. `spec` may be null.
control::Outcome crash_outcome(const ExecutorExit& exit, const control::Spec* spec, std::uint32_t attempt,
                               const std::string& worker);

/// The same, when it died for want of memory.
control::Outcome out_of_memory_outcome(const control::Outcome& crash, const OutOfMemory& why);

}  // namespace morrow::worker
