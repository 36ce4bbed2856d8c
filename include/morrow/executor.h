// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// on_executor_start: code that runs in each process that is to run tasks.

#include <morrow/detail/compiler.h>

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
/// throws, that executor ends. Thread-safe.
void on_executor_start(std::function<void()> function);

/// \}

}  // namespace morrow
