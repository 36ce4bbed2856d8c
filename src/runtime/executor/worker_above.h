// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/socket.h"

namespace morrow::runtime {

/// The workers that this process descends from.
struct WorkersAbove {
  wire::Fd channel;  ///< the packet socket to the one that started this process as its program; empty: none did
  int count = 0;     ///< as far as it was counted: a process with a channel needs no number
};

/// Finds out whether this process is to run tasks. Takes the variable that says so out of the environment: programs
/// that a task starts are drivers. The Session line is reached: files of the driver are not kept any more. Ends the
/// process with a sentence when it is to run tasks and can't be reached.
WorkersAbove find_workers_above();

/// Opens those of the three standard streams that are closed, as nothing: else a socket would get their number, and
/// what the program prints would go there.
void keep_standard_streams();

}  // namespace morrow::runtime
