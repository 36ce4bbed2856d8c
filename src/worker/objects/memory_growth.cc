// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/memory_growth.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/invariant.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kGrowAheadBytes = 64ULL
                                          << 20;  // fresh pages cost much: some are made before they are asked for

}  // namespace

MemoryGrowth::MemoryGrowth(data::Arena& arena, data::Extents& extents, Background& background, Options options,
                           Events events)
    : arena_(arena),
      extents_(extents),
      background_(background),
      options_(std::move(options)),
      events_(std::move(events)) {}

bool MemoryGrowth::exists_or_hold(data::Extent extent, Ticket ticket) {
  const Held held{extent, ticket};
  MORROW_INVARIANT(extent.size != 0 && held.end() <= extents_.capacity(), "an extent lies within the memory",
                   extent.offset, extent.size, extents_.capacity());
  if (held.end() <= arena_.backed()) return true;
  held_.push_back(held);
  if (grows_to_ == 0) grow(std::min(extents_.capacity(), held.end() + kGrowAheadBytes));
  return false;
}

void MemoryGrowth::retry(std::uint64_t now_ms) {
  if (!stands_still_) return;
  if (!again_at_ms_) again_at_ms_ = now_ms + options_.again_ms;
  if (now_ms < *again_at_ms_) return;
  stands_still_ = false;
  extents_.limit(extents_.capacity());
}

/// Makes the memory up to `end` exist.
void MemoryGrowth::grow(std::uint64_t end) {
  MORROW_INVARIANT(grows_to_ == 0 && end > arena_.backed(), "one growth at a time, to more than there is", grows_to_,
                   end, arena_.backed());
  grows_to_ = end;
  background_.run(
      [this, end]() -> base::Result<void> {
        try {
          if (options_.before_growth) options_.before_growth(end);
          arena_.back(end);
          return {};
        } catch (const std::exception& error) {
          return base::Problem{error.what()};
        }
      },
      [this](const base::Result<void>& result) { grown(result); });
}

void MemoryGrowth::grown(const base::Result<void>& result) {
  const std::uint64_t tried = std::exchange(grows_to_, 0);
  MORROW_INVARIANT(tried != 0, "a growth that ends was under way", arena_.backed());
  if (result.ok()) problem_.clear();
  std::uint64_t missing = 0;
  for (const Held& held : std::exchange(held_, {})) {
    if (held.end() <= arena_.backed()) {
      events_.exists(held.extent, held.ticket);  // which may hold others
    } else {
      missing = std::max(missing, held.end());
      held_.push_back(held);
    }
  }
  if (missing != 0 && grows_to_ == 0) {
    if (result.ok()) {
      grow(std::min(extents_.capacity(), missing + kGrowAheadBytes));
    } else if (missing < tried) {
      grow(missing);  // it may have as much as is needed now
    } else {
      stand_still(result.problem());
    }
  }
  events_.changed();
}

/// The machine has no memory: for some time requests get what exists, where others make room for them.
void MemoryGrowth::stand_still(const std::string& trouble) {
  if (problem_.empty()) events_.log(trouble);
  problem_ = trouble;
  stands_still_ = true;
  again_at_ms_.reset();
  extents_.limit(arena_.backed());
  for (const Held& held : std::exchange(held_, {})) {
    extents_.free(held.extent);
    events_.failed(held.ticket);
  }
}

}  // namespace morrow::worker
