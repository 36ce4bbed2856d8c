// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

#include "wire/messages.pb.h"

namespace morrow::cli {

/// A future as programs read it: the same fields wherever one is shown.
nlohmann::ordered_json future_json(const wire::FutureInfo& future);

}  // namespace morrow::cli
