// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "data/arena.h"
#include "data/spill.h"
#include "worker/objects/holders.h"
#include "worker/objects/object.h"

namespace morrow::worker {

/// What is left of the objects of a worker that was fenced, for the next ones of the same process: the memory, the
/// files, the values in them, and what processes that may be alive do there still. Empty: nothing is.
struct KeptObjects {
  /// A process that may be alive.
  struct Process {
    ProcessId id = kNoProcess;
    Holders::Held holds;
  };
  std::unique_ptr<data::Arena> arena;
  std::unique_ptr<data::SpillFolder> folder;
  std::vector<Object> objects;  ///< written, being written, or on disk; without pins, askers and tickets
  std::vector<Process> processes;
};

}  // namespace morrow::worker
