// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/start_functions.h"

#include <utility>
#include <vector>

#include <morrow/executor.h>

#include "base/mutex.h"
#include "runtime/failures/throw_stack.h"

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

std::optional<std::string> runtime::call_start_functions() {
  std::vector<std::function<void()>> all;
  {
    Functions& known = functions();
    const base::MutexLock lock(known.mutex);
    all = known.all;
  }
  CapturedException thrown;
  const auto call = [](void* all_of_them) {
    for (const auto& function : *static_cast<decltype(all)*>(all_of_them)) function();
  };
  if (run_capturing(call, &all, thrown)) return std::nullopt;
  return "a function that was given to morrow::on_executor_start threw " + thrown.type +
         (thrown.message.empty() ? "" : ": " + thrown.message);
}

}  // namespace morrow
