// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The version of Morrow, for the preprocessor and for programs.

/// \addtogroup version
/// \{

#define MORROW_VERSION_MAJOR 0  ///< The first number of the version of these headers.
#define MORROW_VERSION_MINOR 1  ///< The second; before 1.0 each may change the interface.
#define MORROW_VERSION_PATCH 0  ///< The third.

namespace morrow {

/// The version of these headers, "major.minor.patch".
inline constexpr const char* kVersion = "0.1.0";

}  // namespace morrow

/// \}
