// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace morrow::cli {

/// What the command ends with; docs/commands.md has the same for people.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;    ///< it could not do it; a sentence on standard error says why
inline constexpr int kWrongUse = 2;  ///< of the command line
inline constexpr int kWorry = 3;     ///< with --warn: it did, and there is something to worry about

}  // namespace morrow::cli
