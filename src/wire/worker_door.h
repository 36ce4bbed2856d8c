// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "wire/socket.h"

/// How a process finds the worker that it descends from, whatever became of its environment and descriptors: by the
/// number of the worker's process, which the kernel knows and no program can change. It is the name of a socket
/// (SOCK_SEQPACKET, abstract), and the kernel tells who listens there.
namespace morrow::wire {

/// Where this process, a worker, is asked. Empty when it can't be made.
Fd listen_for_descendants();

/// Connects to `ancestor` if that is a worker of the same user. Empty: it is not.
Fd connect_to_ancestor(pid_t ancestor);

}  // namespace morrow::wire
