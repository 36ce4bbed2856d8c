// SPDX-License-Identifier: Apache-2.0
#include "data/checksum.h"

#include <xxhash.h>

namespace morrow::data {

std::uint64_t checksum(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace morrow::data
