// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "store/lmdb/wakeups.h"
#include "store/store.h"

namespace morrow::store {

/// The watches of this process: each is called once when its key's bucket changes. Thread-safe. Outlives its watches.
class WatchHub {
 public:
  explicit WatchHub(Wakeups& wakeups) : wakeups_(wakeups) {}

  std::unique_ptr<Watch> watch(std::string_view key, std::function<void()> on_change);

  /// Calls the watches of all buckets that changed. Used by one thread.
  void dispatch();

 private:
  class Entry;
  using Entries = std::unordered_multimap<std::uint32_t, Entry*>;

  void fire(std::uint32_t bucket);
  void fire_all();
  void call(Entries::iterator position, std::unique_lock<std::mutex>& lock);
  void remove(Entry& entry);
  void erase(Entries::iterator position);

  Wakeups& wakeups_;
  std::mutex mutex_;
  std::condition_variable call_ended_;
  Entries entries_;
  std::uint64_t last_number_ = 0;
  const Entry* called_ = nullptr;
  std::thread::id caller_;
};

}  // namespace morrow::store
