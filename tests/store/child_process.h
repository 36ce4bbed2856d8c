// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <csignal>
#include <string>
#include <vector>

namespace morrow::store {

/// The helper program store_process, run with `arguments`; killed with this object.
class ChildProcess {
 public:
  explicit ChildProcess(std::vector<std::string> arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// The next line that it prints; empty at its end.
  std::string read_line();
  void send(int signal) const { ::kill(pid_, signal); }
  /// Stops it and returns when it stands.
  void stop() const;
  /// Its exit status, or minus the signal that ended it.
  int wait();

 private:
  pid_t pid_ = 0;
  int output_ = -1;
};

}  // namespace morrow::store
