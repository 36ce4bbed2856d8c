// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/spill_notices.h"

#include "worker/objects/no_room.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kMoreByFactor = 10;

}  // namespace

void SpillNotices::spilled(control::SessionId session, std::uint64_t bytes) {
  if (session == 0 || !means_.has_driver(session)) return;
  if (!by_session_.contains(session))
    std::erase_if(by_session_, [this](const auto& known) { return !means_.has_driver(known.first); });
  Spilled& spilled = by_session_[session];
  spilled.bytes += bytes;
  if (spilled.bytes < spilled.tell_at_bytes) return;
  spilled.tell_at_bytes = kMoreByFactor * spilled.bytes;
  means_.tell(session, "values of this session go to disk, since the object memory (" + amount_text(memory_bytes_) +
                           ") is full: " + amount_text(spilled.bytes) +
                           " so far. They come back when they are used, but slower: free what is no longer needed "
                           "(Future::release, morrow::Scope), or give the worker more --object-memory "
                           "(SessionOptions::object_memory)");
}

}  // namespace morrow::worker
