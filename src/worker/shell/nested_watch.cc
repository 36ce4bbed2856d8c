// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/nested_watch.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kStillForMs = 500;  // nobody holds a lock so long but for a reason such as this

}  // namespace

void NestedWatch::begun() {
  if (!std::exchange(looks_, true)) means_.after(kStillForMs, [this] { look(); });
}

void NestedWatch::look() {
  looks_ = false;
  const std::map<Key, std::uint64_t> before = std::exchange(locked_, {});
  const std::vector<NestedRun> runs = means_.runs();
  for (const NestedRun& run : runs) {
    const auto used = run.may_go_on ? std::nullopt : means_.used_while_locked(run.executor);
    if (!used) continue;
    const Key key{run.executor, run.claim};
    const auto last = before.find(key);
    if (last != before.end() && last->second == *used) {
      means_.stands_still(run);
    } else {
      locked_[key] = *used;
    }
  }
  if (!runs.empty()) begun();
}

}  // namespace morrow::worker
