// SPDX-License-Identifier: Apache-2.0
#include "base/shown.h"

#include <algorithm>
#include <cstdint>

namespace morrow::base {

namespace {

constexpr std::size_t kLongest = 4;  // bytes of a character

std::uint8_t byte_at(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

bool goes_on(std::uint8_t byte) { return (byte & 0xC0U) == 0x80U; }

/// Of the character that this byte begins; 0: it begins none.
std::size_t size_of(std::uint8_t first) {
  if (first < 0x80U) return 1;
  if (first < 0xC2U) return 0;  // goes on, or begins what one byte would say
  if (first < 0xE0U) return 2;
  if (first < 0xF0U) return 3;
  return first < 0xF5U ? 4 : 0;
}

/// A character and the bytes that it takes.
struct Character {
  std::uint32_t code = 0;
  std::size_t size = 0;  ///< 0: the text begins with none
};

Character first_of(std::string_view text) {
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // of each size
  constexpr std::uint32_t kLargest = 0x10FFFF;
  const std::size_t size = size_of(byte_at(text, 0));
  if (size == 0 || size > text.size()) return {};
  std::uint32_t code = size == 1 ? byte_at(text, 0) : byte_at(text, 0) & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (!goes_on(byte_at(text, i))) return {};
    code = code << 6 | (byte_at(text, i) & 0x3FU);
  }
  const bool half = code >= 0xD800 && code <= 0xDFFF;  // of a pair, in UTF-16
  if (code < kLeast[size] || code > kLargest || half) return {};
  return {code, size};
}

/// Ends a line, moves the cursor, or turns the direction of the text.
bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

void append_escaped(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const char c : bytes) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      out += {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
}

/// The size of a sequence that sets colours, "ESC [ 1;31 m"; 0: the text begins with none.
std::size_t colour_size(std::string_view text) {
  if (!text.starts_with("\033[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;:", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

/// `stays` tells how many bytes of the beginning of a text, which is a control character, are left as they are.
template <class Stays>
std::string escaped(std::string_view text, Stays stays) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character first = first_of(text);
    const bool plain = first.size != 0 && !is_control(first.code);
    if (const std::size_t left = plain ? first.size : stays(text); left != 0) {
      out += text.substr(0, left);
      text.remove_prefix(left);
      continue;
    }
    const std::size_t size = std::max<std::size_t>(first.size, 1);
    append_escaped(out, text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string shown_line(std::string_view text) {
  return escaped(text, [](std::string_view) { return std::size_t{0}; });
}

std::string shown_text(std::string_view text) {
  return escaped(text, [](std::string_view rest) { return std::size_t{rest[0] == '\n' || rest[0] == '\t'}; });
}

std::string shown_output(std::string_view line) {
  return escaped(line, [](std::string_view rest) { return rest[0] == '\t' ? std::size_t{1} : colour_size(rest); });
}

std::string as_utf8(std::string_view text) {
  return escaped(text, [](std::string_view rest) { return std::size_t{byte_at(rest, 0) < 0x20}; });
}

std::size_t whole_characters(std::string_view text) {
  for (std::size_t back = 1; back < kLongest && back <= text.size(); ++back) {
    const std::uint8_t byte = byte_at(text, text.size() - back);
    if (goes_on(byte)) continue;
    return size_of(byte) > back ? text.size() - back : text.size();
  }
  return text.size();
}

std::string_view beginning(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  return text.substr(0, whole_characters(text.substr(0, most)));
}

}  // namespace morrow::base
