// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/sha256.h"

namespace morrow::worker {

/// What came in pieces is not the file that it was said to be.
class WrongFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file that comes in compressed pieces: unpacks them, and says whether all of them together are the file. Whoever
/// packed them may be wrong, or mean harm: nothing is unpacked beyond the size that was declared. Not thread-safe.
class PackedFile {
 public:
  /// `size` in bytes, unpacked. `name` is for sentences.
  PackedFile(std::string sha256, std::uint64_t size, std::string name);

  /// The bytes of the next piece, as zstd made it; they live until the next call. \throws WrongFile
  std::string_view unpack(std::string_view piece);
  /// After the last piece. \throws WrongFile
  void check_whole();

 private:
  const std::string sha256_;
  const std::uint64_t size_;
  const std::string name_;
  std::uint64_t unpacked_ = 0;
  base::Sha256 hash_;
  std::string bytes_;
};

}  // namespace morrow::worker
