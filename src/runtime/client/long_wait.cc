// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/long_wait.h"

#include "runtime/client/client.h"

namespace morrow::runtime {

std::optional<Client::Overdue> Client::overdue(std::chrono::nanoseconds patience, bool throttled) {
  const auto now = Clock::now();
  if (flushing_.empty() && !throttled) {
    commit_wait_.end();
  } else if (commit_wait_.look(now, patience)) {
    return Overdue{std::nullopt, commit_wait_.lasted(now)};
  }
  if (const PendingAwait* const call = awaits_.overdue(now, patience))
    return Overdue{call->missing(), call->long_wait.lasted(now)};
  return std::nullopt;
}

}  // namespace morrow::runtime
