// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace morrow::base {

/// A random number, never 0, from the system: an id that no other process draws, or a seed. Thread-safe, and differs in
/// a forked child. \throws std::system_error
std::uint64_t random_id();

}  // namespace morrow::base
