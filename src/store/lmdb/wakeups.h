// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "store/lmdb/process.h"

namespace morrow::store {

/// The memory that all processes of an LMDB store share beside the data file: who watches which keys, and who holds the
/// write lock.
///
/// Keys are spread over buckets. A bucket has a bit for each process that watches a key in it, so a writer finds in one
/// cache line that nobody cares. Else it marks the bucket as changed for each of those processes and wakes their one
/// waiting thread. A bucket holds many keys, so a watch may be woken for nothing.
class Wakeups {
 public:
  static constexpr std::uint32_t kProcesses = 256;
  static constexpr std::uint32_t kBuckets = 8192;

  /// Joins the file at `path`; `fresh` makes it anew (only when no other process has the store open). Must not run in
  /// two processes at once. \throws StoreError, StoreFull
  Wakeups(const std::string& path, bool fresh);
  ~Wakeups();
  Wakeups(const Wakeups&) = delete;
  Wakeups& operator=(const Wakeups&) = delete;

  static std::uint32_t bucket_of(std::string_view key);

  // ---- of the watching process ----

  void watch_bucket(std::uint32_t bucket);
  void unwatch_bucket(std::uint32_t bucket);

  /// Changes each time there may be something to take.
  std::uint32_t signal() const;
  /// Waits until `signal` is no longer `seen`, or the time is over.
  void wait(std::uint32_t seen, std::chrono::milliseconds time);
  /// Wakes the thread in `wait` of this process.
  void wake_self();

  /// Calls `on_bucket` for each bucket changed since the last call. True when all watches must be taken as changed.
  template <typename OnBucket>
  bool take_changes(OnBucket on_bucket);

  // ---- of a committing process ----

  /// Says that a commit comes whose changes must be told, so that others tell them if this process dies first.
  void begin_announcement();
  /// Tells who watches one of `buckets`. Call after the commit.
  void announce(std::span<const std::uint32_t> buckets);
  void end_announcement();

  /// Wakes every watch when a process died between its commit and its announcement.
  void announce_for_the_dead();

  // ---- the write lock ----

  /// This process begins to wait for one of the data file's locks, and has it or gave up.
  void begin_wait();
  void end_wait();
  /// This process got the write lock, and gave it back.
  void acquired();
  void released();

  /// The process that holds the write lock.
  struct Holder {
    ProcessId process;
    std::uint64_t hold = 0;  ///< a number for this time of holding
  };
  /// Who holds the write lock, as far as is written.
  std::optional<Holder> holder() const;

  /// The number of this process's own waiting; 0: it does not wait.
  std::uint32_t own_wait() const;

  /// Another process that is stopped and was about to take a lock, or just had, so that it may hold it unwritten.
  std::optional<ProcessId> stopped_on_the_way() const;

  /// The other process of this store that has `pid`.
  std::optional<ProcessId> find_process(pid_t pid) const;

 private:
  struct Slot;
  struct Layout;

  Slot& own();
  const Slot& own() const;
  ProcessId process_of(std::uint32_t slot) const;
  void claim_slot();
  void clear_slot(std::uint32_t slot);
  void wake_everyone();
  std::uint64_t take_word(std::uint32_t word);
  bool take_all();

  Layout* shared_ = nullptr;
  std::uint32_t slot_ = 0;
  std::uint32_t waits_ = 0;  // of the store's own thread, as `holds_`
  std::uint32_t holds_ = 0;
};

template <typename OnBucket>
bool Wakeups::take_changes(OnBucket on_bucket) {
  for (std::uint32_t word = 0; word < kBuckets / 64; ++word) {
    for (std::uint64_t bits = take_word(word); bits != 0; bits &= bits - 1) {
      on_bucket(word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(bits)));
    }
  }
  return take_all();
}

}  // namespace morrow::store
