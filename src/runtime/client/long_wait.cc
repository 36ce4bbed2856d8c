// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/long_wait.h"

#include "runtime/client/client.h"

namespace morrow::runtime {

std::optional<Client::Overdue> Client::overdue(std::chrono::nanoseconds patience, bool throttled) {
  const auto now = Clock::now();
  const auto is_overdue = [&](LongWait& wait, bool goes_on) {
    if (!goes_on) wait.end();
    return goes_on && wait.look(now, patience);
  };
  const bool commit = is_overdue(commit_wait_, !flushing_.empty() || throttled);
  const bool room = is_overdue(room_wait_, reservations_.any_waits());
  if (commit) return Overdue{std::nullopt, wire::WhyRequest::COMMIT};
  if (room) return Overdue{std::nullopt, wire::WhyRequest::ROOM};
  if (const PendingAwait* const call = awaits_.overdue(now, patience)) return Overdue{call->missing()};
  return std::nullopt;
}

}  // namespace morrow::runtime
