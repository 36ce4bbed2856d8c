// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/output_pipes.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <string>
#include <utility>

namespace morrow::runtime {

namespace {

// The end for reading of a pipe of which we have the end for writing: only that one can be polled for unread bytes.
wire::Fd end_for_reading(const wire::Fd& pipe) {
  const std::string path = "/proc/self/fd/" + std::to_string(pipe.get());
  return wire::Fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

// Without /proc.
bool pipe_has_bytes(const wire::Fd& pipe) {
  int bytes = 0;
  return ioctl(pipe.get(), FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace

OutputPipes::OutputPipes(wire::Fd output, wire::Fd errors)
    : output_(std::move(output)),
      errors_(std::move(errors)),
      unread_output_(end_for_reading(output_)),
      unread_errors_(end_for_reading(errors_)) {}

bool OutputPipes::has_unread() const {
  if (!unread_output_ || !unread_errors_) return pipe_has_bytes(output_) || pipe_has_bytes(errors_);
  // One call for both: it is made after each task.
  pollfd pipes[2] = {{unread_output_.get(), POLLIN, 0}, {unread_errors_.get(), POLLIN, 0}};
  return poll(pipes, 2, 0) > 0 && ((pipes[0].revents | pipes[1].revents) & POLLIN) != 0;
}

}  // namespace morrow::runtime
