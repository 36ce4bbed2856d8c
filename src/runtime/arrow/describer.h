// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <morrow/arrow.h>
#include <morrow/detail/core.h>

namespace morrow::runtime {

/// Of a batch, before its description.
inline constexpr std::size_t kHeaderBytes = detail::kAlignment;
/// Schemas are not nested deeper.
inline constexpr int kMaxDepth = 64;

/// The size with the zeros behind it, up to the next buffer.
constexpr std::uint64_t aligned(std::uint64_t size) {
  return (size + detail::kAlignment - 1) / detail::kAlignment * detail::kAlignment;
}

/// Writes a batch, as arrow.cc has its layout: describes an array, and finds a place for each of its buffers. The array
/// and its schema must outlive it. Not thread-safe.
class Describer {
 public:
  /// Call it once, and then `array`. \throws std::invalid_argument
  void schema(const ArrowSchema& schema, int depth = 0);
  /// \throws std::invalid_argument when the array does not fit the schema
  void array(const ArrowArray& array, const ArrowSchema& schema);
  /// The batch, with copies of all buffers. \throws ObjectMemoryError
  detail::Room make() const;

 private:
  /// Bytes that are copied into the batch.
  struct Copy {
    const void* from;
    std::uint64_t size;
  };

  void number(std::uint64_t value);
  void text(std::string_view bytes);

  std::string description_;
  std::vector<Copy> copies_;
  std::uint64_t end_ = 0;
};

}  // namespace morrow::runtime
