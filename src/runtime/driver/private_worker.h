// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/types.h>

#include <morrow/session.h>

#include "wire/socket.h"

namespace morrow::runtime {

/// A worker of this session alone, at the other end of a pair of sockets: it ends when its connection does, and removes
/// its folder.
class PrivateWorker {
 public:
  /// Starts it; `socket()` is ours at once. \throws SessionError
  explicit PrivateWorker(const SessionOptions& options);
  /// Waits until it has ended (close the connection first); kills it after a few seconds.
  ~PrivateWorker();
  PrivateWorker(const PrivateWorker&) = delete;
  PrivateWorker& operator=(const PrivateWorker&) = delete;

  wire::Fd take_socket() { return std::move(socket_); }
  const std::string& command() const { return command_; }
  pid_t pid() const { return pid_; }
  /// For people: how it ended, when it has.
  std::string ending();

 private:
  /// Removes the folders of a worker that did not come to be.
  struct Folders {
    PrivateWorker& worker;
    ~Folders() {
      if (worker.pid_ < 0) worker.remove_folders();
    }
  };
  bool reap(bool wait_for_it);
  void remove_folders();

  std::string command_;
  std::string folder_;
  std::string spill_folder_;
  wire::Fd socket_;
  pid_t pid_ = -1;
  bool ended_ = false;
  int status_ = 0;
};

}  // namespace morrow::runtime
