// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/types.h>

#include "wire/socket.h"

namespace morrow::worker {

/// A small process that outlives this one. When this one is gone, however it went, that one kills the programs that
/// were entrusted to it, with all that they have started, and ends. It holds nothing else of this process. Not
/// thread-safe.
class Undertaker {
 public:
  /// Forks it: call it while this process has one thread, and before it becomes a subreaper.
  Undertaker();
  Undertaker(const Undertaker&) = delete;
  Undertaker& operator=(const Undertaker&) = delete;

  /// Whether it is there.
  bool lives() const;
  /// A file or folder of this process alone, which is to go with it: an absolute path. A socket stays when somebody
  /// else listens there by then, and so does what is named after it.
  void remove_at_end(const std::string& path);
  /// This process has seen to all of these itself.
  void remove_nothing();
  /// The program is a child of this process, not yet reaped, and a subreaper.
  void entrust(pid_t program);

 private:
  wire::Fd channel_;  ///< packets with a pidfd; its end says that this process is gone
};

}  // namespace morrow::worker
