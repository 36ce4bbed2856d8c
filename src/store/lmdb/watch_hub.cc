// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/watch_hub.h"

#include "base/invariant.h"

namespace morrow::store {

/// One watch. Leaves the hub when it is destroyed.
class WatchHub::Entry : public Watch {
 public:
  Entry(WatchHub& its_hub, std::uint32_t its_bucket, std::function<void()> callback)
      : hub(its_hub), bucket(its_bucket), on_change(std::move(callback)) {}
  ~Entry() override { hub.remove(*this); }

  WatchHub& hub;
  const std::uint32_t bucket;
  std::uint64_t number = 0;
  std::function<void()> on_change;
};

std::unique_ptr<Watch> WatchHub::watch(std::string_view key, std::function<void()> on_change) {
  const std::uint32_t bucket = Wakeups::bucket_of(key);
  auto entry = std::make_unique<Entry>(*this, bucket, std::move(on_change));
  const base::MutexLock lock(mutex_);
  entry->number = ++last_number_;
  const bool first = !entries_.contains(bucket);
  entries_.emplace(bucket, entry.get());
  if (first) wakeups_.watch_bucket(bucket);
  return entry;
}

void WatchHub::dispatch() {
  if (wakeups_.take_changes([this](std::uint32_t bucket) { fire(bucket); })) fire_all();
}

void WatchHub::fire(std::uint32_t bucket) {
  const base::MutexLock lock(mutex_);
  const std::uint64_t last = last_number_;
  while (true) {
    // Callbacks run without the lock and may set new watches: look again each time, and leave out the new ones.
    auto [position, end] = entries_.equal_range(bucket);
    while (position != end && position->second->number > last) ++position;
    if (position == end) return;
    call(position);
  }
}

void WatchHub::fire_all() {
  for (std::uint32_t bucket = 0; bucket < Wakeups::kBuckets; ++bucket) fire(bucket);
}

void WatchHub::call(Entries::iterator position) {
  MORROW_INVARIANT(called_ == nullptr, "one thread dispatches, one callback after another");
  Entry* entry = position->second;
  erase(position);
  called_ = entry;
  caller_ = std::this_thread::get_id();
  const std::function<void()> on_change = std::move(entry->on_change);  // it may destroy its own watch
  {
    const base::MutexUnlock unlocked(mutex_);
    on_change();
  }
  MORROW_INVARIANT(called_ == entry, "the callback that ended is the one that was called");
  called_ = nullptr;
  caller_ = {};
  call_ended_.notify_all();
}

void WatchHub::remove(Entry& entry) {
  const base::MutexLock lock(mutex_);
  const auto [begin, end] = entries_.equal_range(entry.bucket);
  for (auto position = begin; position != end; ++position) {
    if (position->second != &entry) continue;
    erase(position);
    return;
  }
  if (caller_ == std::this_thread::get_id()) return;  // the callback itself destroys its watch
  call_ended_.wait(mutex_, [&]() REQUIRES(mutex_) { return called_ != &entry; });
}

void WatchHub::erase(Entries::iterator position) {
  const std::uint32_t bucket = position->first;
  entries_.erase(position);
  if (!entries_.contains(bucket)) wakeups_.unwatch_bucket(bucket);
}

}  // namespace morrow::store
