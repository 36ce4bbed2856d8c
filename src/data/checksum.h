// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace morrow::data {

/// XXH3, 64 bits: finds damage, not malice. Thread-safe.
std::uint64_t checksum(std::span<const std::byte> bytes);

}  // namespace morrow::data
