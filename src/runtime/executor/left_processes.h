// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <sys/types.h>

namespace morrow::runtime {

/// The processes that tasks have started and left to this executor. Their ends are taken note of between two tasks, so
/// that none of them stays as a zombie. Used by the main thread only.
class LeftProcesses {
 public:
  /// The children that are there by now are the program's own: whoever started them waits for them.
  void spare_those_there();

  /// Reaps what has ended. Only while no task runs: a task waits for its children itself. True: some of them live on.
  bool reap() const;

 private:
  std::vector<pid_t> spared_;
};

}  // namespace morrow::runtime
