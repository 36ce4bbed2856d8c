// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "worker/pool/process/control_groups.h"

namespace morrow::worker {

/// The hardware threads that we may use, in millionths, and one at the least: with a smaller share tasks that want one
/// still run, one at a time.
std::uint64_t machine_cpu_micro(const ControlGroups& groups);
/// The memory that all of us together may use, in bytes.
std::uint64_t machine_memory_bytes(const ControlGroups& groups);
/// The most that large values take by default: 30 % of that memory.
std::uint64_t object_memory_of(std::uint64_t memory);
/// What tasks may ask for by default: 80 % of that memory less what large values may take, and a tenth at the least.
std::uint64_t task_memory_of(std::uint64_t memory, std::uint64_t object_memory);
std::string machine_name();  ///< the host's name, made fit for a worker's

}  // namespace morrow::worker
