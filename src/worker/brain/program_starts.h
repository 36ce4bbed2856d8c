// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/types.h"
#include "worker/brain/backoff.h"
#include "worker/ids/ids.h"

namespace morrow::worker {

/// The programs that did not start here the last time, or times, and when each may be tried again. Of a program that it
/// does not know it says that it may start. program_starts.cc opens with the way of a program. Not thread-safe.
class ProgramStarts {
 public:
  bool empty() const { return failing_.empty(); }

  /// Whether an executor may be started for it now.
  bool may_start(const std::string& program) const;
  /// Whether it may be started, but only once for a try.
  bool on_trial(const std::string& program) const;
  /// Its last failure, when it failed for a while and it is not time to try it again; null: it may start here.
  const std::string* given_up(const std::string& program) const;
  /// The reason of its last failure, while it has not worked since; null: none.
  const std::string* last_failure(const std::string& program) const;
  /// All of these, for others to see.
  std::vector<control::CannotStart> all_given_up() const;
  /// The programs of which at the most one executor may be started now.
  std::vector<std::string> held_back() const;

  /// An executor is being started.
  void note_start(const std::string& program);
  /// It runs; whether it is good for anything its first task tells.
  void note_runs(const std::string& program);
  /// One of its executors ended a task.
  void note_worked(const std::string& program) { failing_.erase(program); }
  /// Somebody new brings it: what went wrong before may be mended.
  void forget(const std::string& program) { failing_.erase(program); }
  void note_failure(Time now, const std::string& program, std::string reason, RandomIds& random);

  /// Some may be tried again by now. True when there are such.
  bool begin_trials(Time now);
  /// When `begin_trials` has something to begin; nothing: never.
  std::optional<Time> next_trial() const;

 private:
  /// Where a program is on its way.
  enum class Stage : std::uint8_t {
    kWaits,   ///< not to be started until `next_try`
    kTrial,   ///< may be started once
    kStarts,  ///< that once: an executor of it is on its way
    kRuns,    ///< an executor of it runs: more may be started
  };
  /// A program that failed, and has not worked since.
  struct Failing {
    Stage stage = Stage::kWaits;
    std::uint32_t failures = 0;
    Time first = 0;  ///< failure
    Time last = 0;
    Time next_try = 0;
    std::string reason;  ///< of the last failure

    bool given_up() const;
  };
  const Failing* find(const std::string& program) const;

  std::map<std::string, Failing> failing_;
};

}  // namespace morrow::worker
