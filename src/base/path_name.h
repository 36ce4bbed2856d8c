// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace morrow::base {

/// What stands behind the last slash of a path: all of it when there is none, nothing when it ends with one.
constexpr std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace morrow::base
