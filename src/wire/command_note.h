// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// The note (man 5 elf) by which a file is known to be the `morrow` command before it is started. cli/main.cc has it.
namespace morrow::wire {

inline constexpr std::string_view kCommandNoteOwner("Morrow", sizeof("Morrow"));  ///< with the zero at its end
inline constexpr std::uint32_t kCommandNoteType = 1;

}  // namespace morrow::wire
