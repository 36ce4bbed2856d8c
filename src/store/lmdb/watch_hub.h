// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "store/lmdb/wakeups.h"
#include "store/store.h"

namespace morrow::store {

/// The watches of this process: each is called once when its key's bucket changes. Thread-safe. Outlives its watches.
class WatchHub {
 public:
  explicit WatchHub(Wakeups& wakeups) : wakeups_(wakeups) {}

  std::unique_ptr<Watch> watch(std::string_view key, std::function<void()> on_change) EXCLUDES(mutex_);

  /// Calls the watches of all buckets that changed. Used by one thread.
  void dispatch() EXCLUDES(mutex_);

 private:
  class Entry;
  using Entries = std::unordered_multimap<std::uint32_t, Entry*>;

  void fire(std::uint32_t bucket) EXCLUDES(mutex_);
  void fire_all() EXCLUDES(mutex_);
  /// Calls the watch at `position` without the lock, which it takes again.
  void call(Entries::iterator position) REQUIRES(mutex_);
  void remove(Entry& entry) EXCLUDES(mutex_);
  void erase(Entries::iterator position) REQUIRES(mutex_);

  Wakeups& wakeups_;
  base::Mutex mutex_;
  base::CondVar call_ended_;
  Entries entries_ GUARDED_BY(mutex_);
  std::uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  const Entry* called_ GUARDED_BY(mutex_) = nullptr;  ///< null: no callback runs
  std::thread::id caller_ GUARDED_BY(mutex_);
};

}  // namespace morrow::store
