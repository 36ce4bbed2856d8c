// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include <morrow/session.h>

/// For tests of sessions in one process, whose tasks see the globals of the test.
namespace morrow::test {

/// So many cpus, and no more.
inline SessionOptions in_one_process(double cpus) {
  SessionOptions options;
  options.in_process = true;
  options.cpus = cpus;
  return options;
}

/// Holds tasks up until it is opened. One at a time.
class Gate {
 public:
  Gate() { set(false); }
  ~Gate() { set(true); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void open() { set(true); }
  /// The same, from a thread that does not have the gate.
  static void release_all() { set(true); }
  /// In a task: waits until it is open; 1.
  static int pass() {
    std::unique_lock lock(mutex);
    ++arrived;
    changed.notify_all();
    changed.wait(lock, [] { return is_open; });
    ++passed;
    return 1;
  }
  /// Until so many tasks have come to the gate since it is there.
  static void wait_for(int tasks) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [tasks] { return arrived >= tasks; });
  }

  static inline std::atomic<int> passed = 0;  ///< how many tasks

 private:
  static void set(bool open) {
    const std::lock_guard lock(mutex);
    is_open = open;
    if (!open) arrived = 0;
    changed.notify_all();
  }

  static inline std::mutex mutex;
  static inline std::condition_variable changed;
  static inline bool is_open = true;
  static inline int arrived = 0;
};

}  // namespace morrow::test
