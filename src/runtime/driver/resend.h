// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "wire/frame.h"

namespace morrow::runtime {

/// The frame of a change that was sent before, marked as such.
std::string marked_as_resent(wire::FrameType type, std::string_view frame);

}  // namespace morrow::runtime
