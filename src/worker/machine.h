// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace morrow::worker {

/// The share of this machine that is ours. A control group's limits count.
std::uint64_t machine_cpu_milli();     ///< hardware threads we may use, in thousandths
std::uint64_t machine_memory_bytes();  ///< memory we may use
/// The most that large values take by default: 30 % of that memory.
std::uint64_t machine_object_bytes();
std::string machine_name();  ///< the host's name, made fit for a worker's

}  // namespace morrow::worker
