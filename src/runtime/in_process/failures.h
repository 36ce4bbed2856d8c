// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/in_process/future_record.h"

/// Outcomes that a session finds itself.
namespace morrow::runtime {

/// Of an attempt of the task, 0: of none.
Outcome failed(detail::FailureKind kind, const std::string& sentence, const wire::Submit& call, std::uint32_t attempt);

/// Of a future that was released, or whose scope has ended. With a `root` it is one that needs the value of that.
Outcome released(detail::FutureId root = {});

/// Of a future that depends on this one, which has failed.
Outcome dependency_failed(const FutureRecord& dependency);

/// It had been cancelled, or released, before it ended, by the program itself.
bool was_cancelled(const Outcome& outcome);

/// \throws the failure of this outcome
[[noreturn]] void throw_outcome(const Outcome& outcome);

}  // namespace morrow::runtime
