// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/extents.h"
#include "worker/objects/holders.h"
#include "worker/objects/room_queue.h"
#include "worker/objects/room_waiters.h"

namespace morrow::simulation {

/// The object memory of one worker in virtual time: the real queue for room, holders and extents, over a memory that
/// exists only as numbers. A value takes room while it is written or pinned; one that nobody holds lies on a disk that
/// is as fast as it is large. Main thread of its worker only.
///
/// Invariants: what the extents of all values add up to is what is used, and no more than there is; a value that has
/// an extent is held by a process that is known.
class ObjectMemory {
 public:
  struct World {
    std::function<std::uint64_t()> now_ms;
    std::function<void(std::uint64_t ms, std::function<void()>)> after;
    std::function<void(const std::string&)> wrong;
    worker::RoomWaiters::Tell waits_for_room;
    std::function<bool(worker::ProcessId)> could_use_room;
  };
  /// There is room, or why not: others hold it, so that there may be some later.
  using Then = std::function<void(bool here, bool contended)>;

  ObjectMemory(World world, std::uint64_t capacity_bytes);

  void came(worker::ProcessId process) { holders_.came(process); }
  /// It is dead: holds nothing and waits for nothing any more.
  void gone(worker::ProcessId process);
  /// Pins the value for a process, as soon as it is in memory. A process that is gone gets no answer.
  void pin(worker::ProcessId process, std::uint64_t number, std::uint64_t size_bytes, bool brief, Then then);
  void unpin(worker::ProcessId process, std::uint64_t number);
  /// Room for a value that the process is about to write; `number` is new.
  void reserve(worker::ProcessId process, std::uint64_t number, std::uint64_t size_bytes, Then then);
  void end_writing(worker::ProcessId process, std::uint64_t number);

  std::uint64_t capacity_bytes() const { return extents_.capacity(); }
  bool anything_held() const { return !held_.empty(); }
  /// Nothing is held, and nobody waits.
  bool idle() const { return held_.empty() && queue_.empty(); }
  std::string text() const;

 private:
  struct Asker {
    worker::ProcessId process = worker::kNoProcess;
    Then then;
  };
  /// A request for room.
  struct Awaited {
    std::uint64_t number = 0;
    bool writes = false;
    std::vector<Asker> askers;
  };
  /// A value in memory.
  struct Held {
    data::Extent extent;
    std::uint64_t holds = 0;  ///< how often it is pinned or written
  };

  void ask(std::uint64_t number, std::uint64_t size_bytes, bool writes, bool brief, Asker asker);
  void let_go(std::uint64_t number, std::uint64_t times);
  void serve();
  void answer(const worker::RoomDecision& decision);
  void look_again();
  void check() const;

  World world_;
  data::Extents extents_;
  worker::Holders holders_;
  worker::RoomQueue queue_;
  worker::RoomWaiters waiters_;
  std::map<worker::Ticket, Awaited> awaited_;
  std::map<std::uint64_t, worker::Ticket> coming_;  ///< values that are to be read
  std::map<std::uint64_t, Held> held_;
  bool serves_ = false;
  bool looks_again_ = false;
};

}  // namespace morrow::simulation
