// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace morrow {

/// Has `function` called in every executor process before its first task. Executors are forked from one process that
/// ran the program up to its Session line, so what was drawn or opened there is the same in all: seed random
/// generators, open connections and start threads here. Call it before the Session line; several are called in order.
/// Does nothing in the driver.
void on_executor_start(std::function<void()> function);

}  // namespace morrow
