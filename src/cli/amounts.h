// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

/// Amounts as people type them. All throw std::invalid_argument with one sentence.
namespace morrow::cli {

/// "4GiB", "512MB", "1.5 GB", "1073741824": bytes. KB, MB, GB, TB are powers of 1000, KiB, MiB, GiB, TiB of 1024.
std::uint64_t parse_bytes(const std::string& text);

/// "2", "0.5": in millionths.
std::uint64_t parse_micro(const std::string& what, const std::string& text);

/// "license=2": a name, of any 1 to 64 bytes, and millionths.
std::pair<std::string, std::uint64_t> parse_resource(const std::string& text);

}  // namespace morrow::cli
