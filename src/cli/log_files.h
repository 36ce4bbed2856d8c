// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "wire/socket.h"

namespace morrow::cli {

/// Reads the lines of a log as they come, through its older files and past the moment when it is put aside for a new
/// one. Not thread-safe.
class LogReader {
 public:
  /// `folder`/`name`.log, and before it `name`.3.log to `name`.1.log, as far as they are there.
  LogReader(std::string folder, std::string name);

  /// Calls `line` for each line that is there and was not read yet, without its end.
  void read(const std::function<void(std::string_view line)>& line);

 private:
  /// A file that is read, and what it is.
  struct File {
    wire::Fd fd;
    dev_t device = 0;
    ino_t inode = 0;
  };
  File open_file(const std::string& path) const;
  void read_file(int fd, const std::function<void(std::string_view)>& line);

  std::string path_;         ///< of the newest file
  std::vector<File> older_;  ///< the oldest first; read once
  File newest_;
  std::string begun_;  ///< of a line whose end was not there yet
};

/// The folders of logs of this cluster on this machine: of each worker that ever ran here, by its name.
std::vector<std::string> workers_with_logs(const std::string& cluster);
/// The folder of one of them.
std::string log_folder(const std::string& cluster, const std::string& worker);

}  // namespace morrow::cli
