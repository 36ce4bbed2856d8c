// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace morrow::runtime {

/// Calls what morrow::on_executor_start was given. When one of the functions throws, the others are not called, and a
/// sentence tells of it.
std::optional<std::string> call_start_functions();

}  // namespace morrow::runtime
