// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Where the `morrow` command lies that belongs to this library: a session with no cluster name starts it. CMake tells
/// the build of the user's program; one with flags of its own has it from a header that was written at the
/// installation.

#if !defined(MORROW_INSTALLED_COMMAND) && !defined(MORROW_BUILT_COMMAND)
#include <morrow/detail/installed_command.h>
#endif

namespace morrow::detail {

/// Who says where the command is.
enum class CommandPlace {
  kInstalled,  ///< an installed library: the command beside it
  kBuilt,      ///< the build that the program is a part of
};

/// Keeps `path`, which stays valid. Returns true, to be called while the program starts.
bool tell_command_place(CommandPlace place, const char* path);

#if defined(MORROW_INSTALLED_COMMAND)
[[maybe_unused]] inline const bool told_command_place =
    tell_command_place(CommandPlace::kInstalled, MORROW_INSTALLED_COMMAND);
#elif defined(MORROW_BUILT_COMMAND)
[[maybe_unused]] inline const bool told_command_place = tell_command_place(CommandPlace::kBuilt, MORROW_BUILT_COMMAND);
#endif

}  // namespace morrow::detail
