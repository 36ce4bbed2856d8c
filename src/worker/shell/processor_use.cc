// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/processor_use.h"

#include "base/process_facts.h"
#include "worker/shell/why_sentences.h"

namespace morrow::worker {

namespace {

/// It is between two uses of the processor as long as it stands still for less.
constexpr Time kStandsStillAfter = 1'000'000'000;

const char* words_of(char state) {
  switch (state) {
    case 'D':
      return "it sleeps in the kernel, as for a disk";
    case 'T':
      return "it is stopped by a signal; kill -CONT lets it go on";
    case 't':
      return "it is stopped by a debugger";
    case 'Z':
      return "it has ended";
    default:
      return "it sleeps: for input, a timer or a lock";
  }
}

}  // namespace

ProcessStat read_process_stat(pid_t pid) {
  const auto facts = base::process_facts(pid);
  return facts ? ProcessStat{facts->state, facts->used_ticks} : ProcessStat{};
}

void ProcessorUse::look(Time now, pid_t pid, const ProcessStat& stat) {
  const auto [entry, is_new] = seen_.try_emplace(pid, Seen{stat, now});
  Seen& seen = entry->second;
  if (!is_new) seen.twice = true;
  if (seen.stat.ticks != stat.ticks) seen.since = now;
  seen.stat = stat;
}

void ProcessorUse::keep(const std::set<pid_t>& pids) {
  std::erase_if(seen_, [&](const auto& entry) { return !pids.contains(entry.first); });
}

std::string ProcessorUse::sentence(Time now, pid_t pid) const {
  const auto found = seen_.find(pid);
  if (found == seen_.end()) return "";
  const Seen& seen = found->second;
  const bool stopped = seen.stat.state == 'T' || seen.stat.state == 't';
  if (!stopped && !seen.twice) return "";
  if (!stopped && (seen.stat.state == 'R' || now - seen.since < kStandsStillAfter)) return "uses the processor";
  const Time still = now - seen.since;
  const std::string how_long =
      still < kStandsStillAfter ? "" : "it has used no processor for " + span_text(still) + ": ";
  return "stands still: " + how_long + words_of(seen.stat.state);
}

}  // namespace morrow::worker
