// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <source_location>
#include <string>

#include <morrow/detail/core.h>

#include "wire/messages.pb.h"

namespace morrow::runtime {

/// Fills all of `message` but its number, id and claim. With `arguments_apart` they are no part of it: they are a value
/// that is to be its last dependency.
/// \throws std::invalid_argument: options that make no sense, or a function of a system library; TooLargeError
void fill_submit(wire::Submit& message, const detail::Call& call, const Options& options, std::source_location where,
                 const std::string& image_key, bool arguments_apart);

}  // namespace morrow::runtime
