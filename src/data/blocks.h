// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace morrow::data {

/// Bytes are not what was written.
class Damaged : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How objects stand in files and travel: blocks, each of at most 1 MiB of raw bytes.
///
///     raw size u32 | stored size u32 | XXH3 of the raw bytes u64 | stored bytes
///
/// Numbers are little-endian. The stored bytes are LZ4's when that saves an eighth, else the raw ones (the sizes are
/// equal then).
inline constexpr std::size_t kBlockBytes = 1 << 20;
inline constexpr std::size_t kBlockHeaderBytes = 16;

/// Where values that are Arrow data say so: they are worth compressing on their way, too.
inline constexpr std::size_t kArrowMarkAt = 16;
inline constexpr std::string_view kArrowMark = "MORROW ARROW DATA 1";
bool is_arrow(std::span<const std::byte> value);

/// Makes blocks. After one that did not compress, it does not try for the next 16. Not thread-safe.
class BlockWriter {
 public:
  /// A block as it is written: header and bytes.
  struct Block {
    std::array<std::byte, kBlockHeaderBytes> header;
    std::span<const std::byte> stored;  ///< `raw` itself, or bytes that live until the next call
  };
  /// One block of `raw`, at most kBlockBytes of them.
  Block encode(std::span<const std::byte> raw);
  /// Appends it to `out`.
  void encode(std::span<const std::byte> raw, std::vector<std::byte>& out);

 private:
  std::vector<std::byte> compressed_;
  int skip_ = 0;
};

/// All of a value in blocks, one after another.
std::vector<std::byte> blocks_of(std::span<const std::byte> raw);

/// Reads blocks from a stream that comes in pieces of any size. Holds at most one block. Not thread-safe.
class BlockReader {
 public:
  /// `target` is filled from its begin to its end.
  explicit BlockReader(std::span<std::byte> target) : target_(target) {}
  /// \throws Damaged
  void feed(std::span<const std::byte> piece);
  /// All of the target is filled.
  bool done() const { return target_.empty() && pending_.empty(); }

 private:
  void decode(std::span<const std::byte> block);

  std::span<std::byte> target_;
  std::vector<std::byte> pending_;
};

}  // namespace morrow::data
