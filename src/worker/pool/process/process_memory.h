// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sys/types.h>

namespace morrow::worker {

/// Bytes of memory, and of swap, that a process and all that descends from it have for themselves: no files and no
/// memory that is shared by its name. What processes share since one was forked from the other counts once; but below
/// `exact_above` it may count for each, since that is quick to find out. 0 when there is no such process. Thread-safe.
std::uint64_t memory_of_tree(pid_t root, std::uint64_t exact_above);

}  // namespace morrow::worker
