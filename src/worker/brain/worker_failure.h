// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "control/types.h"

namespace morrow::worker {

/// A failure that the worker itself found, as a wire::Failure. `spec` may be null.
control::OutcomePtr make_failure(control::FailureKind kind, std::string message, const control::Spec* spec,
                                 const std::string& worker, std::uint32_t attempt);

/// The failure of a future whose attempts ended their process again and again: that of the last one, with those before
/// it as they were kept.
control::OutcomePtr make_poisoned(const std::vector<std::string>& earlier, const control::Outcome& last);

}  // namespace morrow::worker
