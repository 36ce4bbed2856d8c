// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/failure.h>

#include "runtime/values/values.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// How a task ended.
struct TaskResult {
  detail::FailureKind failure = detail::FailureKind::kNone;
  detail::Bytes value;        ///< when it did not fail
  detail::Room room;          ///< the same, of a large one
  std::string failure_bytes;  ///< else: a wire::Failure
  bool may_hold_futures = false;
};

/// Calls the function of the task in this thread. Whatever it throws ends in the result. `objects` are the dependencies
/// that do not stand in the task, by their index; empty when all do. `most_bytes`: of a value that does not lie in the
/// object memory; a larger one is a failure.
TaskResult run_function(const wire::Task& task, const std::vector<detail::Value>& objects,
                        std::size_t most_bytes = kMaxValueBytes);

/// A task that could not be run.
TaskResult failed_task(const wire::Task& task, detail::FailureKind kind, std::string message);

/// A task starts on top of another one only where so much of the stack is left, in bytes.
inline constexpr std::size_t kLeastStack = 256 << 10;

/// How much is left of the calling thread's stack, in bytes.
std::size_t stack_left();

}  // namespace morrow::runtime
