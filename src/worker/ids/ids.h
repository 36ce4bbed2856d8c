// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

/// What the rooms of a worker call things by.
namespace morrow::worker {

using Time = std::uint64_t;        ///< nanoseconds of a monotonic clock
using ExecutorId = std::uint32_t;  ///< drawn by the brain, from 1
using ClientId = std::uint64_t;    ///< a driver's connection, drawn by the shell

/// Who waits for a future: a driver's connection or an executor's task.
struct Waiter {
  ClientId client = 0;  ///< 0: an executor
  ExecutorId executor = 0;
  friend auto operator<=>(const Waiter&, const Waiter&) = default;
};

}  // namespace morrow::worker
