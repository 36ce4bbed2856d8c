// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/socket.h"

namespace morrow::runtime {

/// Serves the worker at the other end of the packet socket: compares the program with what is wanted, then forks
/// executors. Executors run in here too. Never returns.
[[noreturn]] void serve_worker(wire::Fd channel);

}  // namespace morrow::runtime
