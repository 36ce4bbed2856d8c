// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/types.h>

#include "wire/socket.h"

namespace morrow::worker {

/// What to start, and how.
struct LaunchPlan {
  std::string file;
  std::vector<std::string> arguments;    ///< argv, argument 0 included
  std::vector<std::string> environment;  ///< NAME=value
  std::string folder;                    ///< working directory; empty: the worker's
  std::uint64_t stack_bytes = 0;  ///< raises the soft limit of the stack to this, as far as the hard limit allows
  std::uint64_t open_files = 0;   ///< soft limit of open files; 0: the worker's own
  bool dies_with_us = true;       ///< with the calling thread; false: somebody else sees to that (Undertaker)
};

/// A program that was started and its ends here.
struct StartedProgram {
  pid_t pid = -1;
  wire::Fd channel;  ///< packet socket; the program finds the other end by base::kExecutorVariable
  wire::Fd output;   ///< its standard output
  wire::Fd errors;   ///< its standard error
};

/// It could not be started. The text is a clause without the program's name, such as "its working directory …".
class LaunchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Forks and executes, and returns when the program has replaced the fork. It leads a process session of its own, is a
/// subreaper, has default signals, and inherits nothing but its standard streams and the channel. \throws LaunchError
StartedProgram launch(const LaunchPlan& plan);

}  // namespace morrow::worker
