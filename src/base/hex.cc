// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

#include <array>
#include <charconv>

namespace morrow::base {

namespace {

constexpr std::size_t kDigitsOfNumber = 16;

/// As `std::to_chars` writes it: no zeros in front.
std::string digits_of(std::uint64_t number) {
  std::array<char, kDigitsOfNumber> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number, 16).ptr;
  return {text.data(), end};
}

}  // namespace

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    hex += kDigits[static_cast<unsigned char>(byte) >> 4];
    hex += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return hex;
}

std::string hex_of(std::uint64_t number) {
  const std::string digits = digits_of(number);
  return std::string(kDigitsOfNumber - digits.size(), '0') + digits;
}

std::string short_hex_of(std::uint64_t number) { return "0x" + digits_of(number); }

std::optional<std::uint64_t> number_of_hex(std::string_view digits) {
  std::uint64_t number = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, 16);
  if (error != std::errc() || stop != end || digits.size() > kDigitsOfNumber) return std::nullopt;
  return number;
}

}  // namespace morrow::base
