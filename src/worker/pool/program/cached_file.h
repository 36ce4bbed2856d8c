// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/socket.h"
#include "worker/pool/program/packed_file.h"

namespace morrow::worker {

/// A file being made in the cache from compressed chunks. It stands under its name only when it is whole and its
/// SHA-256 is right; one that is destroyed before leaves nothing. Several processes may make the same file at once.
class CachedFile {
 public:
  /// `size` in bytes. \throws std::runtime_error with one sentence
  CachedFile(std::string path, std::string sha256, std::uint64_t size);
  ~CachedFile();
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  /// The next chunk, as zstd made it. \throws WrongFile, std::runtime_error
  void append(std::string_view compressed);

  /// Checks, makes it executable for its owner alone, and gives it its name. \throws WrongFile, std::runtime_error
  void finish();

 private:
  std::string path_;
  std::string temporary_;
  PackedFile packed_;
  wire::Fd file_;
};

}  // namespace morrow::worker
