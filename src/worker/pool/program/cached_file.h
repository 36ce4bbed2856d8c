// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "wire/socket.h"

namespace morrow::worker {

/// A file being made in the cache from compressed chunks. It stands under its name only when it is whole and its
/// SHA-256 is right; one that is destroyed before leaves nothing. Several processes may make the same file at once.
class CachedFile {
 public:
  /// \throws std::runtime_error with one sentence
  CachedFile(std::string path, std::string sha256);
  ~CachedFile();
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  /// The next chunk, as zstd made it. \throws std::runtime_error
  void append(std::string_view compressed);

  /// Checks, makes it executable for its owner alone, and gives it its name. \throws std::runtime_error
  void finish(std::uint64_t size);

 private:
  std::string path_;
  std::string temporary_;
  std::string sha256_;
  wire::Fd file_;
  std::uint64_t size_ = 0;
  base::Sha256 hash_;
  std::string chunk_;
};

}  // namespace morrow::worker
