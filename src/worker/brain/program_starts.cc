// SPDX-License-Identifier: Apache-2.0
//
// A program that does not start, told from one that did not start once.
//
// Hard: the first process of a program may be killed by anybody at any moment, and then it is enough to start it again.
// But a library that is missing on this machine is missing at each try, and a worker that tries for ever swallows the
// work of those where the program would run. Nothing in the failure itself tells the two apart.
//
// Solved by trying: each failure makes the next try wait twice as long, and at its time one executor is started and no
// more, so that a thousand tasks do not make a thousand failures. Only a program that failed again and over some
// seconds is given up. That is published, so that other workers know what to expect of this one; and it holds until the
// next try, since whoever has given up may be the one where the library comes back first.
//
//     (unknown) --failure--> waits --its time--> trial --start--> starts --runs--> runs --a task ends--> (unknown)
//                              ^                                    |                |
//                              +------------------failure-----------+----------------+
//
// What becomes of the tasks that wait for it stands in unstartable.cc.
#include "worker/brain/program_starts.h"

#include <utility>

namespace morrow::worker {

namespace {

// Doubling from the first: tries at about 0.1, 0.3, 0.7, 1.5 and 3 s, so one that fails at once is given up in 3 s.
constexpr Backoff kBetweenTries{100'000'000, 20'000'000'000};
constexpr Time kGivenUpAfterNs = 2'000'000'000;
constexpr std::uint32_t kGivenUpFailures = 2;        // one may be a kill from outside
constexpr Time kForgottenAfterNs = 120'000'000'000;  // nobody wanted it since
constexpr std::size_t kReasonBytes = 2'000;          // a sentence, and the last lines that the program printed

}  // namespace

bool ProgramStarts::Failing::given_up() const {
  return stage == Stage::kWaits && failures >= kGivenUpFailures && last - first >= kGivenUpAfterNs;
}

const ProgramStarts::Failing* ProgramStarts::find(const std::string& program) const {
  if (failing_.empty()) return nullptr;
  const auto found = failing_.find(program);
  return found == failing_.end() ? nullptr : &found->second;
}

bool ProgramStarts::may_start(const std::string& program) const {
  const Failing* failing = find(program);
  return failing == nullptr || failing->stage == Stage::kTrial || failing->stage == Stage::kRuns;
}

bool ProgramStarts::on_trial(const std::string& program) const {
  const Failing* failing = find(program);
  return failing != nullptr && failing->stage == Stage::kTrial;
}

const std::string* ProgramStarts::given_up(const std::string& program) const {
  const Failing* failing = find(program);
  return failing != nullptr && failing->given_up() ? &failing->reason : nullptr;
}

const std::string* ProgramStarts::last_failure(const std::string& program) const {
  const Failing* failing = find(program);
  return failing != nullptr ? &failing->reason : nullptr;
}

std::vector<control::CannotStart> ProgramStarts::all_given_up() const {
  std::vector<control::CannotStart> all;
  for (const auto& [program, failing] : failing_) {
    if (failing.given_up()) all.push_back({program, failing.reason});
  }
  return all;
}

std::vector<std::string> ProgramStarts::held_back() const {
  std::vector<std::string> all;
  for (const auto& [program, failing] : failing_) {
    if (failing.stage != Stage::kRuns) all.push_back(program);
  }
  return all;
}

void ProgramStarts::note_start(const std::string& program) {
  const auto failing = failing_.find(program);
  if (failing != failing_.end() && failing->second.stage == Stage::kTrial) failing->second.stage = Stage::kStarts;
}

void ProgramStarts::note_runs(const std::string& program) {
  const auto failing = failing_.find(program);
  if (failing != failing_.end()) failing->second.stage = Stage::kRuns;
}

void ProgramStarts::note_failure(Time now, const std::string& program, std::string reason, RandomIds& random) {
  Failing& failing = failing_[program];
  if (now - failing.last >= kForgottenAfterNs) failing = {};
  if (reason.size() > kReasonBytes) reason.resize(kReasonBytes);
  failing.reason = std::move(reason);
  // Several executors that were on their way together fail together: that is one failure.
  if (failing.failures != 0 && failing.stage == Stage::kWaits && now < failing.next_try) return;
  if (failing.failures == 0) failing.first = now;
  failing.last = now;
  failing.stage = Stage::kWaits;
  failing.next_try = now + kBetweenTries.after(++failing.failures, random);
}

bool ProgramStarts::begin_trials(Time now) {
  bool any = false;
  for (auto one = failing_.begin(); one != failing_.end();) {
    Failing& failing = one->second;
    if (failing.stage == Stage::kWaits && now >= failing.next_try) {
      failing.stage = Stage::kTrial;
      any = true;
    }
    const bool forgotten = failing.stage == Stage::kTrial && now - failing.last >= kForgottenAfterNs;
    one = forgotten ? failing_.erase(one) : std::next(one);
  }
  return any;
}

std::optional<Time> ProgramStarts::next_trial() const {
  std::optional<Time> next;
  for (const auto& [program, failing] : failing_) {
    if (failing.stage != Stage::kWaits) continue;
    if (!next || failing.next_try < *next) next = failing.next_try;
  }
  return next;
}

}  // namespace morrow::worker
