// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "store/lmdb/wakeups.h"
#include "store/lmdb/watch_hub.h"

namespace morrow::store {

/// The one thread that a process with an open LMDB store has: it calls the watches, and while the store's own thread
/// waits for the write lock it sees to it that a stopped process can't hold up everyone.
class Guard {
 public:
  /// What the guard watches, and its patience.
  struct Options {
    std::string directory;
    std::chrono::milliseconds lease{};
    std::chrono::milliseconds stopped_after{};
    std::function<void(std::string_view)> log;
  };

  Guard(Options options, Wakeups& wakeups, WatchHub& hub);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  /// True now and then: time to look for stale readers. Thread-safe.
  bool take_reader_check_due() {
    return reader_check_due_.load(std::memory_order_relaxed) && reader_check_due_.exchange(false);
  }

  void log(std::string_view sentence) const { options_.log(sentence); }

  /// Kills `process` and says so; `why` follows "the process N". Thread-safe.
  void kill(const ProcessId& process, std::string_view why);

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void check_lock(Clock::duration since_last);

  Options options_;
  Wakeups& wakeups_;
  WatchHub& hub_;
  const std::chrono::milliseconds tick_;
  std::atomic<bool> ending_ = false;
  std::atomic<bool> reader_check_due_ = false;

  // The thread's own. The state at its last tick, and for how long the same waiting met the same holding.
  std::uint32_t seen_wait_ = 0;
  std::uint64_t seen_hold_ = 0;
  Clock::duration waited_{};

  std::thread thread_;
};

}  // namespace morrow::store
