// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/stubs/logging.h>

namespace morrow::fuzz {

/// A text that is not UTF-8 would be a line on standard error for each input. Call it as often as you like.
inline void silence_protobuf() {
  [[maybe_unused]] static const bool kDone = [] {
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
}

}  // namespace morrow::fuzz
