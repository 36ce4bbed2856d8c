// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/types.h>

#include "wire/socket.h"
#include "worker/logs/logs.h"
#include "worker/worker_main.h"

namespace morrow::worker {

/// The store that a worker with these options uses; `state` is the cluster's state folder.
std::string store_of(const WorkerOptions& options, const std::string& state);

/// What tells stores apart: no parameters, and a folder by its true path.
std::string identity_of(const std::string& store_url);

/// The socket that drivers connect to, and beside it a note which store the worker uses. The files go when this goes.
class Door {
 public:
  /// Finds a name that is free, when the options give none. \p store: its identity.
  /// \throws std::runtime_error when the name is taken, or when another worker of the cluster uses another store
  Door(const WorkerOptions& options, std::string store);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }

  /// A copy of the socket, which stays open when that goes.
  wire::Fd copy() const;

  /// Makes the socket anew when its file is gone, or when drivers look elsewhere by now: a logout removes the run
  /// folder. None: all is well, or it can't be made, which is said once.
  wire::Fd look(Logs& logs);

 private:
  void find_name(const WorkerOptions& options);
  void write_note();
  bool stands() const;

  std::string cluster_;
  std::string store_;
  std::string name_;
  std::string path_;
  wire::Fd socket_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool told_ = false;
};

}  // namespace morrow::worker
