// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/invariant.h"
#include "store/lmdb/environment.h"
#include "store/lmdb/guard.h"
#include "store/lmdb/presence.h"
#include "store/lmdb/wakeups.h"
#include "store/lmdb/watch_hub.h"
#include "store/store.h"

namespace morrow::store {

/// How a store in an LMDB file is opened.
struct LmdbOptions {
  std::string directory;
  bool full_sync = false;
  std::uint64_t max_bytes = 0;                     ///< the most the store may hold; 0: as much as fits
  std::chrono::milliseconds lease{10'000};         ///< a process that holds up the writers for longer is killed
  std::chrono::milliseconds stopped_after{1'000};  ///< a stopped one that does is killed after this
  std::uint64_t reader_lag = 10'000;               ///< a stopped reader so many commits behind is killed
  std::function<void(std::string_view)> log;       ///< empty: standard error
  std::string boot_id;                             ///< empty: this machine's
};

/// A directory with an LMDB file, shared by processes of one machine. Write transactions run one after another, so none
/// conflicts. One write transaction may be open at a time in a process; it begins with the first read or write.
class LmdbStore : public Store {
 public:
  /// LMDB's own limit for keys.
  static constexpr std::size_t kMaxKeyBytes = 511;

  /// \throws StoreError, StoreFull
  explicit LmdbStore(LmdbOptions options);
  ~LmdbStore() override;

  using Store::begin;
  std::unique_ptr<Transaction> begin(Room room) override;
  std::unique_ptr<Transaction> begin_read() override;
  std::unique_ptr<Watch> watch(std::string_view key, std::function<void()> on_change) override;

 private:
  friend class LmdbTransaction;

  /// Takes the write lock. \throws StoreError
  MDB_txn* begin_write();
  void abort_write(MDB_txn* transaction);
  void note_changed(std::uint32_t bucket) {
    MORROW_INVARIANT(writing_, "what changes is noted in a write transaction", bucket);
    if (is_changed_[bucket]) return;
    is_changed_.set(bucket);
    changed_.push_back(bucket);
  }
  /// Commits and tells the watches of `changed_`. \throws StoreError, StoreFull
  void commit_write(MDB_txn* transaction);
  MDB_txn* begin_snapshot();
  void check_readers();

  class SingleOpen;

  const LmdbOptions options_;
  Presence presence_;
  [[maybe_unused]] const std::unique_ptr<SingleOpen> single_open_;  // held as long as the file is open
  Wakeups wakeups_;
  Environment environment_;
  WatchHub hub_;
  Guard guard_;
  bool writing_ = false;
  std::vector<std::uint32_t> changed_;  // buckets of the keys that the open write transaction wrote, each once
  std::bitset<Wakeups::kBuckets> is_changed_;
};

}  // namespace morrow::store
