// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/ids/ids.h"

namespace morrow::worker {

/// The programs that have processes here, or may have, and since when they do nothing. A program costs a process even
/// then, its fork server, so it is ended with its session, or, where that is not known, some time after nobody wants it
/// any more; of those that somebody may want again, only some are kept. Not thread-safe.
class IdlePrograms {
 public:
  /// What is kept.
  struct Limits {
    Time unwanted_for = 0;  ///< one that nobody wants
    std::size_t most = 0;   ///< idle ones
  };

  /// It may have a process from now on.
  void note(const std::string& program) { known_.try_emplace(program); }
  /// Its session has ended, and no other one will have it: what it has here ends with its last task.
  void note_over(const std::string& program);
  bool is_over(const std::string& program) const;
  /// It has none any more.
  void forget(const std::string& program) { known_.erase(program); }

  /// Those to be ended now. `working` have tasks, and are never among them; `wanted` are those of sessions.
  std::vector<std::string> to_end(Time now, const std::set<std::string>& working, const std::set<std::string>& wanted,
                                  const Limits& limits);

 private:
  /// A program that may have processes.
  struct Known {
    std::optional<Time> idle_since;  ///< nothing: it works
    bool over = false;
  };
  std::map<std::string, Known> known_;
};

}  // namespace morrow::worker
