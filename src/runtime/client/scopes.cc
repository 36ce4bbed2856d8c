// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/scopes.h"

#include <algorithm>

namespace morrow::runtime {

Scopes& scopes() {
  thread_local Scopes open;
  return open;
}

void enter_scope(std::uint64_t scope) { scopes().push_back({scope, 0}); }

void leave_scope(std::uint64_t scope) {
  Scopes& open = scopes();
  const auto found = std::find_if(open.begin(), open.end(), [scope](const OpenScope& one) { return one.id == scope; });
  if (found != open.end()) open.erase(found, open.end());
}

}  // namespace morrow::runtime
