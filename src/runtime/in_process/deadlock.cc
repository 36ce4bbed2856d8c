// SPDX-License-Identifier: Apache-2.0

// A task that waits for itself is found when the last wait of the circle begins: then all the others stand already. A
// future that has not ended needs its dependencies, or, while it runs, what its task waits for, if that needs all of it
// and has no timeout. What such a walk from the new wait reaches can't end before the task that began it.
#include <algorithm>
#include <unordered_map>
#include <vector>

#include "runtime/in_process/reasons.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kSpelledOut = 8;

std::span<const FuturePtr> needs_of(const FutureRecord& future) {
  if (future.running != nullptr) return future.running->needs_all;
  return future.dependencies;
}

std::string spelled(const std::vector<const FutureRecord*>& circle) {
  std::string text;
  for (std::size_t i = 0; i < circle.size() && i < kSpelledOut; ++i) {
    const FutureRecord& one = *circle[i];
    const FutureRecord& next = *circle[(i + 1) % circle.size()];
    text += (i == 0 ? "" : ", ") + named(one) + (one.running != nullptr ? " waits for " : " depends on ") +
            (&one == &next ? "itself" : named(next));
  }
  if (circle.size() > kSpelledOut) text += ", and so on, " + std::to_string(circle.size()) + " in all";
  return "a deadlock, none of these can ever end: " + text + "; one of them has to go on without waiting for the next";
}

}  // namespace

std::string deadlock_of(const RunningTask& me) {
  const FutureRecord* const mine = me.future.get();
  std::unordered_map<const FutureRecord*, const FutureRecord*> reached_from;
  std::vector<const FutureRecord*> left{mine};
  while (!left.empty()) {
    const FutureRecord* const at = left.back();
    left.pop_back();
    for (const FuturePtr& next : needs_of(*at)) {
      if (next->ended()) continue;
      if (next.get() == mine) {
        std::vector<const FutureRecord*> circle;
        for (const FutureRecord* one = at; one != mine; one = reached_from.at(one)) circle.push_back(one);
        circle.push_back(mine);
        std::reverse(circle.begin(), circle.end());
        return spelled(circle);
      }
      if (reached_from.emplace(next.get(), at).second) left.push_back(next.get());
    }
  }
  return {};
}

}  // namespace morrow::runtime
