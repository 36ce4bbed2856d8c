#pragma once

#include <source_location>
#include <string>

#include <morrow/detail/core.h>

#include "wire/messages.pb.h"

namespace morrow::runtime {

/// Fills all of `message` but its number, id and claim.
/// \throws std::invalid_argument: options that make no sense, or a function of a system library; TooLargeError
void fill_submit(wire::Submit& message, const detail::Call& call, const Options& options, std::source_location where,
                 const std::string& program_key, detail::FutureId arguments);

}  // namespace morrow::runtime
