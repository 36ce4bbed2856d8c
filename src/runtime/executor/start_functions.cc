// SPDX-License-Identifier: Apache-2.0
#include <morrow/executor.h>

#include <utility>
#include <vector>

#include "base/mutex.h"
#include "runtime/executor/fork_server.h"

namespace morrow {

namespace {

/// The functions that morrow::on_executor_start was given.
struct Functions {
  base::Mutex mutex;
  std::vector<std::function<void()>> all GUARDED_BY(mutex);
};

// Static initializers may register before this file's own have run.
Functions& functions() {
  static Functions* const instance = new Functions;
  return *instance;
}

}  // namespace

void on_executor_start(std::function<void()> function) {
  Functions& known = functions();
  const base::MutexLock lock(known.mutex);
  known.all.push_back(std::move(function));
}

void runtime::call_start_functions() {
  std::vector<std::function<void()>> all;
  {
    Functions& known = functions();
    const base::MutexLock lock(known.mutex);
    all = known.all;
  }
  for (const auto& function : all) function();
}

}  // namespace morrow
