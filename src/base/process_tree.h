// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sys/types.h>

/// Processes as /proc shows them, and the end of all that one of them has started.
namespace morrow::base {

/// The children of all its threads, zombies too; while some of them end just now, others may be missing. Thread-safe.
std::vector<pid_t> children_of(pid_t pid);

/// Kills the children of `root`, and what becomes its child thereby, until none lives; for 10 s at the most, since one
/// that hangs in the kernel can't be waited for. All that descends from it ends so when `root` is a subreaper
/// (PR_SET_CHILD_SUBREAPER) that starts nothing meanwhile: it is the caller, or is stopped. `pidfd` tells that `root`
/// is still that process; -1: it is the caller. No process but a child of it is ever killed, also when numbers are used
/// again.
void kill_children(pid_t root, int pidfd);
/// Those of the calling process, and then it ends with this status.
[[noreturn]] void end_with_children(int status = 0);

}  // namespace morrow::base
