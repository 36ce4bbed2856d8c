// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// on_executor_start: code that runs in each process that is to run tasks. task_seed: a random number for each task.

#include <morrow/detail/compiler.h>

#include <cstdint>
#include <functional>

namespace morrow {

/// \addtogroup sessions
/// \{

/// Has `function` called in every executor (a process that runs tasks) before its first task. The driver never calls
/// it.
///
/// Executors are forked from one process that ran the program up to its Session line, so what was opened or drawn at
/// random before that line is the same in all of them: seed random generators, open connections and start threads in
/// `function`. Call this before the Session line. Several functions are called in the order of the calls. When one
/// throws, that executor ends, and what it threw is the reason why tasks fail with ProgramError. Thread-safe.
void on_executor_start(std::function<void()> function);

/// A random number for the task that calls it, to seed a generator with: another one for each task, in each run, and
/// the same in all attempts of a task that is tried again. In the driver: one of the session. Thread-safe. \throws
/// SessionError when no Session is open.
///
///     std::mt19937_64 generator(morrow::task_seed());
///
/// A run that is to give the same numbers again takes its seeds from the arguments of its tasks instead, as
/// examples/monte_carlo.cc does.
std::uint64_t task_seed();

/// \}

}  // namespace morrow
