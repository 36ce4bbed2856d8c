// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/run_times.h"

#include <algorithm>
#include <vector>

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxFunctions = 10'000;  // more than programs have; a bound, since keys come from outside

/// A new run moves an average by an eighth of what it differs.
Time moved(Time average, Time ran) { return (average * 7 + ran) / 8; }

}  // namespace

RunTimes::RunTime& RunTimes::use(std::uint64_t function) {
  if (times_.size() >= kMaxFunctions && !times_.contains(function)) forget_half();
  RunTime& known = times_[function];
  known.last_use = ++uses_;
  return known;
}

/// Half at once, so that a look at all is paid for by thousands of new functions.
void RunTimes::forget_half() {
  std::vector<std::uint64_t> uses;
  uses.reserve(times_.size());
  for (const auto& [function, known] : times_) uses.push_back(known.last_use);
  const auto middle = uses.begin() + static_cast<std::ptrdiff_t>(uses.size() / 2);
  std::nth_element(uses.begin(), middle, uses.end());
  std::erase_if(times_, [oldest = *middle](const auto& entry) { return entry.second.last_use < oldest; });
}

void RunTimes::learn(std::uint64_t function, Time ran) {
  RunTime& known = use(function);
  known.usual = known.usual == 0 ? ran : moved(known.usual, ran);
  last_tasks_ = last_tasks_ ? moved(*last_tasks_, ran) : ran;
}

void RunTimes::note_wait(std::uint64_t function) { use(function).waits = true; }

void RunTimes::note_hosts_nobody(std::uint64_t function) { use(function).hosts_nobody = true; }

const RunTimes::RunTime* RunTimes::find(std::uint64_t function) const {
  const auto found = times_.find(function);
  return found == times_.end() ? nullptr : &found->second;
}

Time RunTimes::usual(std::uint64_t function, Time unknown) const {
  const RunTime* known = find(function);
  return known == nullptr ? unknown : known->usual;
}

}  // namespace morrow::worker
