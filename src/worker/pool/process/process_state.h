// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace morrow::worker {

/// Whether the process was stopped by a signal, SIGSTOP for one: it does nothing until SIGCONT. One that a debugger
/// holds does not count.
bool is_stopped(pid_t pid);

}  // namespace morrow::worker
