// SPDX-License-Identifier: Apache-2.0
#pragma once

#define MORROW_VERSION_MAJOR 0
#define MORROW_VERSION_MINOR 1
#define MORROW_VERSION_PATCH 0

namespace morrow {

/// The version of these headers, "major.minor.patch".
inline constexpr const char* kVersion = "0.1.0";

}  // namespace morrow
