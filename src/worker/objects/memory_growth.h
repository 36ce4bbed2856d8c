// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "data/arena.h"
#include "data/extents.h"
#include "worker/objects/background.h"
#include "worker/objects/room_queue.h"

namespace morrow::worker {

/// How much of the arena exists: it grows ahead of what is asked for, on a thread, and when the machine has no memory
/// it stands still for a while, in which Extents hand out only what exists. It holds the extents that were allocated
/// beyond the end of what exists. Owned by Objects, which tells it the time. Main thread only; the arena must outlive
/// the jobs of `background`.
///
/// Invariants: one growth at a time, and while an extent is held there is one; nothing that exists is held.
class MemoryGrowth {
 public:
  /// When to try again, and a hook for tests.
  struct Options {
    std::uint64_t again_ms = 5'000;  ///< after the machine had no memory
    /// For tests: called before the memory is to exist up to `end`, on a thread; throws data::OutOfMemory.
    std::function<void(std::uint64_t end)> before_growth;
  };

  /// What it tells, on the main thread.
  struct Events {
    /// An extent that was held exists. May call back.
    std::function<void(data::Extent, Ticket)> exists;
    /// The machine has no memory for it: it is free again, and its request has to wait.
    std::function<void(Ticket)> failed;
    /// A growth has ended: there may be other room than before.
    std::function<void()> changed;
    std::function<void(const std::string&)> log;
  };

  MemoryGrowth(data::Arena& arena, data::Extents& extents, Background& background, Options options, Events events);

  /// True: all of it exists. Else it is held until one of the events says what has become of it.
  bool exists_or_hold(data::Extent extent, Ticket ticket);
  /// Time has passed, in ms of any clock: after a while the machine may have memory again.
  void retry(std::uint64_t now_ms);

  bool is_growing() const { return !held_.empty(); }
  /// Why there was no memory when it was asked for last; empty: there was.
  const std::string& problem() const { return problem_; }

 private:
  /// An extent that is given out once its memory exists.
  struct Held {
    data::Extent extent;
    Ticket ticket = Ticket::kNone;

    std::uint64_t end() const { return extent.offset + extent.size; }
  };

  void grow(std::uint64_t end);
  void grown(const base::Result<void>& result);
  void stand_still(const std::string& trouble);

  data::Arena& arena_;
  data::Extents& extents_;
  Background& background_;
  const Options options_;
  const Events events_;
  std::vector<Held> held_;
  std::uint64_t grows_to_ = 0;  ///< 0: no growth is under way
  bool stands_still_ = false;
  std::optional<std::uint64_t> again_at_ms_;
  std::string problem_;
};

}  // namespace morrow::worker
