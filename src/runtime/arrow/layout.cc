// SPDX-License-Identifier: Apache-2.0
#include "runtime/arrow/layout.h"

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace morrow::runtime {

namespace {

using Kind = BufferLayout::Kind;

constexpr std::uint64_t kMaxWidth = 1 << 30;

/// A format whose rows all have the same width, in bytes.
struct FixedFormat {
  std::string_view format;
  std::uint64_t width;
};

constexpr std::array kFixed{
    FixedFormat{"c", 1},   FixedFormat{"C", 1},   FixedFormat{"s", 2},   FixedFormat{"S", 2},    FixedFormat{"i", 4},
    FixedFormat{"I", 4},   FixedFormat{"l", 8},   FixedFormat{"L", 8},   FixedFormat{"e", 2},    FixedFormat{"f", 4},
    FixedFormat{"g", 8},   FixedFormat{"tdD", 4}, FixedFormat{"tdm", 8}, FixedFormat{"tts", 4},  FixedFormat{"ttm", 4},
    FixedFormat{"ttu", 8}, FixedFormat{"ttn", 8}, FixedFormat{"tDs", 8}, FixedFormat{"tDm", 8},  FixedFormat{"tDu", 8},
    FixedFormat{"tDn", 8}, FixedFormat{"tiM", 4}, FixedFormat{"tiD", 8}, FixedFormat{"tin", 16},
};

std::uint64_t number(std::string_view text, std::string_view format) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > kMaxWidth)
    throw std::invalid_argument("an Arrow format has an impossible number: " + std::string(format));
  return value;
}

/// "d:19,10" has 128 bits; "d:19,10,256" says how many.
std::uint64_t decimal_width(std::string_view format) {
  std::string_view rest = format.substr(2);
  const std::size_t first = rest.find(',');
  const std::size_t second = first == std::string_view::npos ? first : rest.find(',', first + 1);
  return second == std::string_view::npos ? 16 : number(rest.substr(second + 1), format) / 8;
}

constexpr BufferLayout kValidity{Kind::kBits};

}  // namespace

Layout layout_of(std::string_view format) {
  const auto fixed = [](std::uint64_t width) { return Layout{{kValidity, {Kind::kFixed, width}}}; };
  if (format == "n") return {};
  if (format == "b") return {{kValidity, {Kind::kBits}}};
  if (format == "u" || format == "z") return {{kValidity, {Kind::kOffsets32}, {Kind::kData32}}};
  if (format == "U" || format == "Z") return {{kValidity, {Kind::kOffsets64}, {Kind::kData64}}};
  if (format == "+s" || format.starts_with("+w:")) return {{kValidity}};
  if (format == "+l" || format == "+m") return {{kValidity, {Kind::kOffsets32}}};
  if (format == "+L") return {{kValidity, {Kind::kOffsets64}}};
  if (format.starts_with("+ud:")) return {{{Kind::kFixed, 1}, {Kind::kFixed, 4}}};
  if (format.starts_with("+us:")) return {{{Kind::kFixed, 1}}};
  if (format == "+r") return {};
  if (format.starts_with("w:")) return fixed(number(format.substr(2), format));
  if (format.starts_with("d:")) return fixed(decimal_width(format));
  if (format.starts_with("ts") && format.size() >= 4 && format[3] == ':' &&
      std::string_view("smun").find(format[2]) != std::string_view::npos)
    return fixed(8);
  for (const FixedFormat& known : kFixed) {
    if (known.format == format) return fixed(known.width);
  }
  throw std::invalid_argument("an Arrow array has a format that is not known here: " + std::string(format));
}

std::uint64_t buffer_bytes(const BufferLayout& layout, std::int64_t rows, const void* before) {
  const auto last = [&]<class Offset>(Offset offset) -> std::uint64_t {
    if (before == nullptr || rows == 0) return 0;  // with no rows there may be no offset either
    // Buffers need not be aligned to their type.
    std::memcpy(&offset, static_cast<const std::byte*>(before) + static_cast<std::size_t>(rows) * sizeof offset,
                sizeof offset);
    if (offset < 0) throw std::invalid_argument("an Arrow array has a negative offset");
    return static_cast<std::uint64_t>(offset);
  };
  const auto count = static_cast<std::uint64_t>(rows);
  switch (layout.kind) {
    case Kind::kBits:
      return (count + 7) / 8;
    case Kind::kFixed: {
      std::uint64_t bytes = 0;
      if (__builtin_mul_overflow(count, layout.width, &bytes))
        throw std::invalid_argument("an Arrow array is impossibly long");
      return bytes;
    }
    case Kind::kOffsets32:
      return (count + 1) * sizeof(std::int32_t);
    case Kind::kOffsets64:
      return (count + 1) * sizeof(std::int64_t);
    case Kind::kData32:
      return last(std::int32_t{});
    case Kind::kData64:
      return last(std::int64_t{});
  }
  return 0;
}

}  // namespace morrow::runtime
