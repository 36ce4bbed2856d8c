// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/lmdb_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/invariant.h"
#include "base/must.h"
#include "base/mutex.h"
#include "store/lmdb/lmdb_transaction.h"

namespace morrow::store {

/// A process that opens an LMDB file twice loses its locks on it with the first close, so a second open is refused.
class LmdbStore::SingleOpen {
 public:
  explicit SingleOpen(const std::string& directory) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) return;  // found by the next one to open
    key_ = {::getpid(), status.st_dev, status.st_ino};
    OpenStores& open = open_stores();
    const base::MutexLock lock(open.mutex);
    if (!open.keys.insert(*key_).second) {
      throw StoreError(
          fmt::format("The store in {} is open already in this process: use that one, or close it first.", directory));
    }
  }
  ~SingleOpen() {
    if (!key_) return;
    OpenStores& open = open_stores();
    const base::MutexLock lock(open.mutex);
    base::must_erase(open.keys, *key_, "an open store stands among those of the process");
  }
  SingleOpen(const SingleOpen&) = delete;
  SingleOpen& operator=(const SingleOpen&) = delete;

 private:
  using Key = std::tuple<pid_t, dev_t, ino_t>;  // the pid: a forked child does not have its parent's stores
  /// All stores that are open in this process.
  struct OpenStores {
    base::Mutex mutex;
    std::set<Key> keys GUARDED_BY(mutex);
  };
  static OpenStores& open_stores() {
    static OpenStores stores;
    return stores;
  }
  std::optional<Key> key_;
};

namespace {

LmdbOptions with_log(LmdbOptions options) {
  if (!options.log) {
    options.log = [](std::string_view sentence) {
      const std::string line = fmt::format("morrow: {}\n", sentence);
      std::fwrite(line.data(), 1, line.size(), stderr);
    };
  }
  return options;
}

}  // namespace

LmdbStore::LmdbStore(LmdbOptions options)
    : options_(with_log(std::move(options))),
      presence_({options_.directory, options_.full_sync, options_.boot_id, options_.log}),
      single_open_(std::make_unique<SingleOpen>(options_.directory)),
      wakeups_(options_.directory + "/wakeups", presence_.first()),
      environment_({options_.directory, options_.full_sync, options_.max_bytes}),
      hub_(wakeups_),
      guard_({options_.directory, options_.lease, options_.stopped_after, options_.log}, wakeups_, hub_) {
  check_readers();
  presence_.opened();
}

LmdbStore::~LmdbStore() {
  // What stands at its place by now belongs to others.
  if (!environment_.is_in_place() || !presence_.leave()) return;
  environment_.sync();
  presence_.mark_clean();
}

std::unique_ptr<Transaction> LmdbStore::begin(Room room) {
  return std::make_unique<LmdbTransaction>(*this, LmdbTransaction::Mode::kWrite, room);
}

std::unique_ptr<Transaction> LmdbStore::begin_read() {
  return std::make_unique<LmdbTransaction>(*this, LmdbTransaction::Mode::kReadOnly, Room::kFree);
}

std::unique_ptr<Watch> LmdbStore::watch(std::string_view key, std::function<void()> on_change) {
  return hub_.watch(key, std::move(on_change));
}

MDB_txn* LmdbStore::begin_write() {
  // A second one would wait for the first for ever.
  if (writing_) throw StoreError("A write transaction is open already in this process: commit or drop it first.");
  MDB_txn* transaction = nullptr;
  wakeups_.begin_wait();
  const int result = mdb_txn_begin(environment_.get(), nullptr, 0, &transaction);
  if (result == 0) wakeups_.acquired();
  wakeups_.end_wait();
  if (result != 0) throw_lmdb_error(result, "beginning to write", options_.directory);
  writing_ = true;
  for (const std::uint32_t bucket : changed_) is_changed_.reset(bucket);
  changed_.clear();
  return transaction;
}

void LmdbStore::abort_write(MDB_txn* transaction) {
  MORROW_INVARIANT(writing_, "the write transaction that ends was begun");
  mdb_txn_abort(transaction);
  wakeups_.released();
  writing_ = false;
}

void LmdbStore::commit_write(MDB_txn* transaction) {
  MORROW_INVARIANT(writing_, "the write transaction that commits was begun");
  wakeups_.begin_announcement();
  const int result = mdb_txn_commit(transaction);
  wakeups_.released();
  writing_ = false;
  if (result == 0) wakeups_.announce(changed_);
  wakeups_.end_announcement();
  if (result != 0) throw_lmdb_error(result, "committing", options_.directory);
  // Nobody may hear of a commit that others will never see.
  if (!environment_.is_in_place()) {
    throw StoreGone(fmt::format(
        "The store in {} was removed or replaced while it was in use, so that what is written there is lost: "
        "put its files back, or start the cluster anew.",
        options_.directory));
  }
  if (guard_.take_reader_check_due()) check_readers();
}

MDB_txn* LmdbStore::begin_snapshot() {
  // A new reader takes a lock for a moment, which a stopped process may hold.
  wakeups_.begin_wait();
  try {
    MDB_txn* transaction = environment_.begin_read();
    wakeups_.end_wait();
    return transaction;
  } catch (...) {
    wakeups_.end_wait();
    throw;
  }
}

void LmdbStore::check_readers() {
  int dead = 0;
  mdb_reader_check(environment_.get(), &dead);

  // Pages that the oldest reader may still see are not used again: one that is stopped makes the file grow until it is
  // full.
  MDB_envinfo info{};
  mdb_env_info(environment_.get(), &info);
  struct Search {
    std::size_t oldest_allowed;
    std::vector<pid_t> behind;
  } search{info.me_last_txnid > options_.reader_lag ? info.me_last_txnid - options_.reader_lag : 0, {}};
  mdb_reader_list(
      environment_.get(),
      [](const char* line, void* context) {
        auto& found = *static_cast<Search*>(context);
        int pid = 0;
        std::size_t thread = 0;
        std::size_t version = 0;
        if (std::sscanf(line, "%d %zx %zu", &pid, &thread, &version) == 3 && version < found.oldest_allowed) {
          found.behind.push_back(pid);
        }
        return 0;
      },
      &search);
  for (const pid_t pid : search.behind) {
    const auto process = wakeups_.find_process(pid);
    if (process && is_stopped(*process)) guard_.kill(*process, "is stopped while it reads an old version of");
  }
}

}  // namespace morrow::store
