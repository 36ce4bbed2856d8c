// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/idle_programs.h"

#include <algorithm>
#include <utility>

namespace morrow::worker {

std::vector<std::string> IdlePrograms::to_end(Time now, const std::set<std::string>& working,
                                              const std::set<std::string>& wanted, const Limits& limits) {
  std::vector<std::string> ended;
  std::vector<std::pair<Time, std::string>> kept;
  for (auto& [program, since] : known_) {
    if (working.contains(program)) {
      since.reset();
      continue;
    }
    if (!since) since = now;
    if (!wanted.contains(program) && now - *since >= limits.unwanted_for) {
      ended.push_back(program);
    } else {
      kept.emplace_back(*since, program);
    }
  }
  if (kept.size() <= limits.most) return ended;
  std::sort(kept.begin(), kept.end());
  kept.resize(kept.size() - limits.most);
  for (auto& [since, program] : kept) ended.push_back(std::move(program));
  return ended;
}

}  // namespace morrow::worker
