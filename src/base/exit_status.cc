// SPDX-License-Identifier: Apache-2.0
#include "base/exit_status.h"

#include <sys/wait.h>

#include <csignal>
#include <cstring>

namespace morrow::base {

std::string describe_signal(int signal) {
  std::string text = "signal " + std::to_string(signal);
  if (signal <= 0 || signal >= NSIG) return text;  // sigdescr_np looks one too far
  // Not strsignal, whose buffer the threads share. A real-time signal has no description.
  if (const char* const description = sigdescr_np(signal)) text += std::string(" (") + description + ")";
  return text;
}

std::string describe_exit(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "was killed by " + describe_signal(WTERMSIG(wait_status));
  return "exited with status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace morrow::base
