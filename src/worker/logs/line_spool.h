// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/socket.h"

namespace morrow::worker {

/// Bytes that wait for a slow reader, in a file that has no name: what came first goes first. The file ends with the
/// object, or with the process. Not thread-safe.
class LineSpool {
 public:
  static constexpr std::uint64_t kMostBytes = 1ULL << 30;  ///< a reader that is so far behind is not coming back

  /// The file is made in `folder` when the first bytes come.
  explicit LineSpool(std::string folder, std::uint64_t most_bytes = kMostBytes);

  /// False: there is no room for them, and none of them is kept.
  bool add(std::string_view bytes);
  /// The first bytes, `most` of them or all that there are. \throws std::system_error when the file can't be read
  std::string take(std::size_t most);
  bool empty() const { return begin_ == end_; }

 private:
  const std::string folder_;
  const std::uint64_t most_bytes_;
  wire::Fd file_;
  std::uint64_t begin_ = 0;  ///< of what was not taken yet
  std::uint64_t end_ = 0;
};

}  // namespace morrow::worker
