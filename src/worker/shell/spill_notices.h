// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "control/types.h"

namespace morrow::worker {

/// Tells drivers that values of their sessions go to disk, which nobody would notice but by its slowness: at the first
/// one, and whenever it is ten times as much as when it was told last. Main thread only.
class SpillNotices {
 public:
  /// What it acts with.
  struct Means {
    std::function<bool(control::SessionId)> has_driver;  ///< here
    std::function<void(control::SessionId, const std::string& sentence)> tell;
  };

  /// `memory_bytes`: all object memory of this worker.
  SpillNotices(Means means, std::uint64_t memory_bytes) : means_(std::move(means)), memory_bytes_(memory_bytes) {}

  /// A value of the session was written to disk, for want of room. 0: nobody's that is known.
  void spilled(control::SessionId session, std::uint64_t bytes);

 private:
  /// Of one session.
  struct Spilled {
    std::uint64_t bytes = 0;
    std::uint64_t tell_at_bytes = 0;
  };

  const Means means_;
  const std::uint64_t memory_bytes_;
  std::unordered_map<control::SessionId, Spilled> by_session_;
};

}  // namespace morrow::worker
