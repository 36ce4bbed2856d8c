// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "control/types.h"
#include "data/extents.h"
#include "worker/objects/process_id.h"
#include "worker/objects/room_queue.h"

namespace morrow::worker {

/// Where an object lies in the shared memory.
struct ObjectPlace {
  std::uint64_t number = 0;
  data::Extent extent;
};

/// Why there is no place.
struct ObjectProblem {
  control::FailureKind kind = control::FailureKind::kLost;
  std::string sentence;
  bool lost = false;       ///< no living worker has it: it may be computed again
  bool contended = false;  ///< other tasks hold the room that is missing: later there may be enough
};

/// Takes the one or the other; the other one is null.
using OnPlace = std::function<void(const ObjectPlace*, const ObjectProblem*)>;

/// Where the bytes of an object are. ObjectTable::move_to has the transitions.
enum class ObjectState : std::uint8_t {
  kWriting,  ///< its writer fills it, in memory
  kHere,     ///< in memory, and immutable
  kComing,   ///< from disk or from another worker
  kOnDisk,
};
constexpr std::size_t kObjectStates = 4;

/// Whose value an object is.
struct ObjectOwner {
  control::FutureId future;
  control::SessionId session = 0;  ///< 0: it is not known here
};

/// A process that waits for an object to be in memory.
struct ObjectAsker {
  ProcessId process = kNoProcess;
  OnPlace then;
  bool brief = false;
};

/// One object of this worker, in the hands of ObjectTable.
struct Object {
  std::uint64_t number = 0;
  control::FutureId future;
  control::SessionId session = 0;  ///< that made it here; 0: it was made elsewhere
  std::uint64_t size_bytes = 0;
  ObjectState state = ObjectState::kWriting;
  data::Extent extent;  ///< of size 0 while it has none
  ProcessId writer = kNoProcess;
  bool stored = false;  ///< there is a file of it
  std::uint64_t stored_bytes = 0;
  std::uint64_t promised_bytes = 0;  ///< of the disk, that are its own until it has a file
  bool spilling = false;             ///< a thread works on its file
  bool is_copy = false;              ///< it came from another worker, and may be given up while that has it
  bool freed = false;                ///< gone as soon as no process reads it and no thread works on it
  bool damaged = false;              ///< its bytes are not those that its checksum was made of: nobody gets it any more
  std::uint32_t pins = 0;
  std::uint64_t made_ms = 0;  ///< of the monotonic clock
  std::optional<std::uint64_t> checksum;
  Ticket ticket = Ticket::kNone;  ///< of its request for room, while that waits
  std::vector<ObjectAsker> askers;
  std::optional<std::list<std::uint64_t>::iterator> idle;  ///< its place among those that nobody uses
};

}  // namespace morrow::worker
