// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "wire/messages.pb.h"

namespace morrow::wire {

/// Says in `failure` which task it is of: its name, and the place of its submit, as far as its payload tells. That is
/// read for this alone: it may be large.
void tell_task(Failure& failure, const std::string& name, const std::string& payload);

}  // namespace morrow::wire
