// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace morrow::worker {

/// A process that writes or reads objects. An executor's number, or a driver's connection with `kDriverBit`.
using ProcessId = std::uint64_t;
inline constexpr ProcessId kDriverBit = 1ULL << 63;

/// This worker itself, on behalf of other workers and of drivers on other hosts, and ahead of its own tasks.
inline constexpr ProcessId kThisWorker = ~ProcessId{0};
/// No process has this number.
inline constexpr ProcessId kNoProcess = 0;

/// It runs tasks, which are tried again when they find no room.
constexpr bool is_executor(ProcessId process) { return (process & kDriverBit) == 0; }
/// It runs the user's own program, which is told when there is no room.
constexpr bool is_driver(ProcessId process) { return !is_executor(process) && process != kThisWorker; }

}  // namespace morrow::worker
