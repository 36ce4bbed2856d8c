// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "control/types.h"

namespace morrow::worker {

/// A failure that the worker itself found, as a wire::Failure. `spec` may be null.
control::OutcomePtr make_failure(control::FailureKind kind, std::string message, const control::Spec* spec,
                                 const std::string& worker, std::uint32_t attempt);

}  // namespace morrow::worker
