// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace morrow::base {

/// Two digits a byte, in small letters.
std::string hex_of(std::string_view bytes);

/// 16 digits, with zeros in front.
std::string hex_of(std::uint64_t number);

/// 0x and as many digits as the number needs: how people read addresses and offsets.
std::string short_hex_of(std::uint64_t number);

/// The number that 1 to 16 hexadecimal digits say, and nothing else beside them; empty when they are no such number.
std::optional<std::uint64_t> number_of_hex(std::string_view digits);

}  // namespace morrow::base
