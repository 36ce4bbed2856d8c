// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/idle_programs.h"

#include <algorithm>
#include <utility>

namespace morrow::worker {

void IdlePrograms::note_over(const std::string& program) {
  const auto found = known_.find(program);
  if (found != known_.end()) found->second.over = true;
}

bool IdlePrograms::is_over(const std::string& program) const {
  const auto found = known_.find(program);
  return found != known_.end() && found->second.over;
}

std::vector<std::string> IdlePrograms::to_end(Time now, const std::set<std::string>& working,
                                              const std::set<std::string>& wanted, const Limits& limits) {
  std::vector<std::string> ended;
  std::vector<std::pair<Time, std::string>> kept;
  for (auto& [program, known] : known_) {
    if (working.contains(program)) {
      known.idle_since.reset();
      continue;
    }
    if (!known.idle_since) known.idle_since = now;
    if (!wanted.contains(program) && (known.over || now - *known.idle_since >= limits.unwanted_for)) {
      ended.push_back(program);
    } else {
      kept.emplace_back(*known.idle_since, program);
    }
  }
  if (kept.size() <= limits.most) return ended;
  std::sort(kept.begin(), kept.end());
  kept.resize(kept.size() - limits.most);
  for (auto& [since, program] : kept) ended.push_back(std::move(program));
  return ended;
}

}  // namespace morrow::worker
