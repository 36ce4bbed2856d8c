// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace morrow::runtime {

/// The path of the `morrow` command by which a private worker is started. \throws SessionError when there is none
/// that only this user and root can change, or MORROW_COMMAND names something else
std::string find_command();

/// \throws SessionError when this process, or one that it descends from, was started as the private worker of a
/// program: what was taken for the command is no such thing, and would start itself without end
void refuse_to_be_worker();

}  // namespace morrow::runtime
