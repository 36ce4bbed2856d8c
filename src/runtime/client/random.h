// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace morrow::runtime {

/// A random number, never 0, from the system. Thread-safe. \throws std::system_error
std::uint64_t random_id();

}  // namespace morrow::runtime
