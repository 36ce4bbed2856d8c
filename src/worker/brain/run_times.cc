// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/run_times.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMaxFunctions = 10'000;  // more than programs have; a bound, since keys come from outside

}  // namespace

void RunTimes::learn(std::uint64_t function, Time ran) {
  if (times_.size() > kMaxFunctions) times_.clear();
  const auto [found, first] = times_.try_emplace(function, RunTime{ran, false});
  if (!first) found->second.usual = (found->second.usual * 7 + ran) / 8;
}

void RunTimes::note_wait(std::uint64_t function) { times_[function].waits = true; }

const RunTimes::RunTime* RunTimes::find(std::uint64_t function) const {
  const auto found = times_.find(function);
  return found == times_.end() ? nullptr : &found->second;
}

Time RunTimes::usual(std::uint64_t function, Time unknown) const {
  const RunTime* known = find(function);
  return known == nullptr ? unknown : known->usual;
}

Time RunTimes::usual_of_any(Time unknown) const { return times_.empty() ? unknown : times_.begin()->second.usual; }

}  // namespace morrow::worker
