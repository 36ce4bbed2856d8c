// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/left_out_lines.h"

#include "control/cluster.h"

namespace morrow::worker {

namespace {
constexpr std::size_t kMostCounts = 10'000;  // far more than there are drivers at a time
// There may be much that is left out, in small pieces. A session may end meanwhile, which is not told of the last ones.
constexpr std::uint64_t kCollectMs = 50;
}  // namespace

void LeftOutLines::add(control::SessionId session, const std::string& place, std::uint64_t lines) {
  if (session == 0 || lines == 0) return;
  if (counts_.size() >= kMostCounts)
    std::erase_if(counts_,
                  [](const auto& one) { return one.second.posted == one.second.all && !one.second.on_its_way; });
  counts_[{session, place}].all += lines;
  post_soon();
}

void LeftOutLines::post_soon() {
  if (std::exchange(posts_soon_, true)) return;
  after_(kCollectMs, [this] {
    posts_soon_ = false;
    post_all();
  });
}

void LeftOutLines::post_all() {
  for (auto& [key, count] : counts_) {
    if (count.on_its_way || count.posted == count.all) continue;
    count.posted = count.all;
    count.on_its_way = true;
    ++on_their_way_;
    post_(
        StoreLane::kUpkeep,
        [self = self_, key = key, all = count.all](store::Store& store) {
          control::note_left_out_lines(store, self, key.first, key.second, all);
        },
        [this, key = key] { noted(key); });
  }
}

void LeftOutLines::when_noted(std::function<void()> then) {
  post_all();
  if (on_their_way_ == 0) return then();
  waiting_.push_back(std::move(then));
}

void LeftOutLines::noted(const Key& key) {
  Count& count = counts_[key];
  count.on_its_way = false;
  --on_their_way_;
  if (!waiting_.empty()) post_all();
  if (count.posted != count.all) post_soon();
  if (on_their_way_ != 0) return;
  for (const auto& then : std::exchange(waiting_, {})) then();
}

}  // namespace morrow::worker
