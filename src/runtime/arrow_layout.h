#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace morrow::runtime {

/// What one buffer of an Arrow array holds.
struct BufferLayout {
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

/// How many bytes a buffer has; `before` is the one before it. \throws std::invalid_argument when offsets make no sense
std::uint64_t buffer_bytes(const BufferLayout& layout, std::int64_t rows, const void* before);

}  // namespace morrow::runtime
