// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "wire/frame.h"

namespace morrow::worker {

/// Calls `visit` for each LOG message among these whole frames, in their order. \throws wire::ProtocolError
template <class Visit>
void for_each_log(std::string_view frames, Visit visit) {
  wire::FrameReader reader;
  reader.append(frames);
  while (const auto frame = reader.next()) {
    if (frame->type != wire::LOG) continue;
    wire::Log log;
    wire::parse(log, frame->payload);
    visit(log);
  }
}

}  // namespace morrow::worker
