// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace morrow::runtime {

/// The content of one buffer of an Arrow array.
struct BufferLayout {
  /// How the bytes of the buffer follow from its rows.
  enum class Kind : std::uint8_t {
    kBits,       ///< one for each row: validity, booleans
    kFixed,      ///< `width` bytes for each row
    kOffsets32,  ///< one more than rows
    kOffsets64,
    kData32,  ///< as many bytes as the last of the offsets in the buffer before it says
    kData64,
  };
  Kind kind;
  std::uint64_t width = 0;
};

/// The buffers of an array, in their order.
struct Layout {
  std::vector<BufferLayout> buffers;
};

/// \throws std::invalid_argument for a format that is not known
Layout layout_of(std::string_view format);

/// Of a row's place in the buffer that follows.
inline bool holds_offsets(const BufferLayout& layout) {
  return layout.kind == BufferLayout::Kind::kOffsets32 || layout.kind == BufferLayout::Kind::kOffsets64;
}

/// Whether an array that has rows may do without it.
inline bool may_be_left_out(const BufferLayout& layout, std::size_t index) {
  return index == 0 && layout.kind == BufferLayout::Kind::kBits;  // validity: all are valid
}

/// How many bytes a buffer has; `before` is the one before it. \throws std::invalid_argument when offsets make no sense
std::uint64_t buffer_bytes(const BufferLayout& layout, std::int64_t rows, const void* before);

}  // namespace morrow::runtime
