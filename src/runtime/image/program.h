// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <morrow/session.h>

#include "runtime/image/manifest.h"
#include "wire/messages.pb.h"

namespace morrow::runtime {

/// All that an executor of this program is started from: its modules, arguments, working folder, and of its environment
/// what the rule passes and what no process starts without. The key is that of one session: what another run of the
/// same program read before its Session line is not in its processes. The token of a cluster, given or in a line to
/// join it, is left out: tasks of others could read it. Hashes files: some milliseconds. \throws SessionError
wire::Program make_program(std::uint64_t session, bool fork_server, const std::string& token = {},
                           const EnvironmentRule& environment = {});

/// The same for the same modules, whatever session, arguments and environment: what is learned of a function by its key
/// is of use to the next run. Thread-safe.
std::string image_key(const wire::Program& program);

Manifest read_manifest(const wire::Program& program);

/// Fills `message` with the next piece of a file of the program. Not thread-safe.
class Upload {
 public:
  /// \throws SessionError when the file can't be read, or changed since the program started
  explicit Upload(const wire::Module& module);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  /// False after the last piece. \throws SessionError
  bool next(wire::BlobChunk& message);

 private:
  const wire::Module module_;
  std::string path_;
  int file_ = -1;
  std::uint64_t at_ = 0;
  std::uint32_t index_ = 0;
  bool done_ = false;
  std::string piece_;
};

}  // namespace morrow::runtime
