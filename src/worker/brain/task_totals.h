// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// How the tasks of each name ended at this worker since its start, for people. Of very many names the first kMostNames
/// are told apart, the rest counts as kOthers. Not thread-safe.
class TaskTotals {
 public:
  static constexpr std::size_t kMostNames = 1'000;  // a page of a person's; and a bound, since names come from outside
  static constexpr const char* kOthers = "(others)";

  /// What is counted of a name.
  struct Total {
    std::uint64_t finished = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t retried = 0;  ///< attempts that failed and were tried again
    std::uint64_t runs = 0;     ///< that came to their end, whatever that was
    Time ran = 0;               ///< all of these together
  };

  /// A run came to its end after so long.
  void note_run(const std::string& name, Time ran);
  /// An attempt ended here; `again`: the next one follows.
  void note_end(const std::string& name, const control::Outcome& outcome, bool again);

  const std::unordered_map<std::string, Total>& all() const { return totals_; }

 private:
  Total& of(const std::string& name);

  std::unordered_map<std::string, Total> totals_;        ///< nothing is ever taken out
  std::pair<const std::string, Total>* last_ = nullptr;  ///< a run and its end, and many tasks, have one name
};

}  // namespace morrow::worker
