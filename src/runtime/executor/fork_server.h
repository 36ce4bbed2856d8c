// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/socket.h"

namespace morrow::runtime {

/// The packet socket to a worker when this process was started as an executor of its program, else empty. Takes the
/// variable that says so out of the environment: programs that a task starts are not executors.
wire::Fd executor_channel();

/// Serves the worker: compares the program with what is wanted, then forks executors. Executors run in here too. Never
/// returns.
[[noreturn]] void serve_worker(wire::Fd channel);

/// Calls what morrow::on_executor_start was given. \throws what it throws
void call_start_functions();

}  // namespace morrow::runtime
