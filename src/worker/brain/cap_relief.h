// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/invariant.h"
#include "control/types.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// For a worker that has all executors it may have, and all of them blocked: now and then it finds out what must run
/// for one of them to go on, and remembers for whom, since it may run on top of that one alone. Not thread-safe.
class CapRelief {
 public:
  /// A blocked execution: it stands on the stack of this executor.
  struct Needer {
    ExecutorId executor = 0;
    control::Claim claim = 0;
  };

  /// Whether to look now; then not again for a while, nor before the store has answered all that the last look asked.
  /// `started`: all tasks so far that were given to executors.
  bool start_look(Time now, std::uint64_t started) {
    if (now < next_look_ || asked_ != 0) return false;
    next_look_ = now + kBetweenLooksNs;
    stands_still_ = std::exchange(started_, started) == started;
    if (!stands_still_) still_since_ = now;
    return true;
  }
  /// Whether no task was started between the last two looks.
  bool stands_still() const { return stands_still_; }
  /// For how long none was, at the last look.
  Time stood_still(Time now) const { return stands_still_ ? now - still_since_ : 0; }
  Time next_look() const { return next_look_; }

  /// Whether the store has yet to answer: then there is no look.
  bool is_asking() const { return asked_ != 0; }
  /// The store is asked what a future depends on.
  void note_asked() { ++asked_; }
  /// It has answered.
  void note_answered() {
    MORROW_INVARIANT(asked_ != 0, "an answer has its question");
    --asked_;
  }

  /// What it awaits, itself or through what that depends on. The last one that needs it counts.
  void note_need(control::FutureId id, Needer needer) { needers_[id] = needer; }
  /// Those that have ended need nothing any more.
  template <typename HasEnded>
  void forget_needers(HasEnded has_ended) {
    std::erase_if(needers_, [&](const auto& entry) { return has_ended(entry.second); });
  }
  /// Null: not known to be needed. Stands until the next need is noted, or needers are forgotten.
  const Needer* needer_of(control::FutureId id) const {
    const auto found = needers_.find(id);
    return found == needers_.end() ? nullptr : &found->second;
  }

 private:
  static constexpr Time kBetweenLooksNs = 20'000'000;  // some commits: what the last look found has had its chance

  std::unordered_map<control::FutureId, Needer> needers_;
  Time next_look_ = 0;
  Time still_since_ = 0;
  std::uint64_t started_ = 0;
  std::size_t asked_ = 0;  ///< without an answer yet
  bool stands_still_ = false;
};

}  // namespace morrow::worker
