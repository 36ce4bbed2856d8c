// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

/// The morrow::Scope blocks that a thread has open.
namespace morrow::runtime {

/// A scope of this thread that has not ended.
struct OpenScope {
  std::uint64_t id = 0;
  std::uint64_t sequence = 0;  ///< the last number given in it
};

using Scopes = std::vector<OpenScope>;

/// Those of the calling thread, innermost last. A task that runs on top of another one sees none of those below.
Scopes& scopes();

void enter_scope(std::uint64_t scope);
/// Nothing when it is not one of this thread's.
void leave_scope(std::uint64_t scope);

}  // namespace morrow::runtime
