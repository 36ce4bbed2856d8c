// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "store/store.h"

namespace morrow::store {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t kLargestMap = 1024 * kMiB;  // the sanitizer leaves little address space
#else
constexpr std::uint64_t kLargestMap = kMiB * kMiB;
#endif
constexpr std::uint64_t kSmallestMap = 16 * kMiB;

// Above what the limit allows, for deletions and for the transaction that crosses the limit.
constexpr std::uint64_t kMapReserve = 32 * kMiB;
// Blocks of the data file that are allocated ahead, and how many of them are kept for deletions when the disk is full.
constexpr std::uint64_t kFileStep = 4 * kMiB;
constexpr std::uint64_t kFileReserve = kMiB;

// LMDB makes its lock file with holes; written through a map on a full disk they would be a SIGBUS. LMDB takes a
// larger file as it is, with the more reader slots that fit.
constexpr std::uint64_t kLockFileBytes = 128 * 1024;

bool disk_is_full(const std::string& directory) {
  struct statvfs status {};
  return ::statvfs(directory.c_str(), &status) == 0 && status.f_bavail * status.f_frsize < kMiB;
}

void allocate_lock_file(const std::string& directory) {
  const int file = ::open((directory + "/lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int error = file < 0 ? errno : ::posix_fallocate(file, 0, kLockFileBytes);
  if (file >= 0) ::close(file);
  if (error != 0) throw_lmdb_error(error, "making its lock file", directory);
}

}  // namespace

void throw_lmdb_error(int result, std::string_view doing, const std::string& directory) {
  // LMDB reports a write that the full disk cut short as EIO.
  if (result == ENOSPC || result == EDQUOT || (result == EIO && disk_is_full(directory))) {
    throw StoreFull(fmt::format("The disk with the store in {} is full: free some space.", directory));
  }
  if (result == MDB_MAP_FULL) {
    throw StoreFull(fmt::format("The store in {} is full: release futures, or raise its max_bytes.", directory));
  }
  if (result == MDB_TXN_FULL) {
    throw TooLarge("The transaction changes more pages than one transaction can: split it into smaller ones.");
  }
  if (result == MDB_MAP_RESIZED) {
    throw StoreError(fmt::format(
        "The store in {} grew beyond this process's address space: raise its limit (ulimit -v).", directory));
  }
  if (result == MDB_READERS_FULL) {
    throw StoreError(fmt::format("Too many reads of the store in {} are open at once: end some.", directory));
  }
  if (result == MDB_CORRUPTED || result == MDB_PAGE_NOTFOUND || result == MDB_INVALID || result == MDB_PANIC) {
    throw StoreError(fmt::format("The store in {} is damaged ({}): move it away and start with an empty one.",
                                 directory, mdb_strerror(result)));
  }
  throw StoreError(fmt::format("The store in {} failed while {}: {}.", directory, doing, mdb_strerror(result)));
}

Environment::Environment(Options options) : options_(std::move(options)) {
  allocate_lock_file(options_.directory);
  open();
  try {
    MDB_stat status{};
    mdb_env_stat(env_, &status);
    page_bytes_ = status.ms_psize;
    open_table();
  } catch (...) {
    mdb_env_close(env_);
    throw;
  }
}

Environment::~Environment() {
  for (MDB_txn* transaction : idle_reads_) mdb_txn_abort(transaction);
  mdb_env_close(env_);
}

void Environment::open() {
  // Without sync the kernel still gets every commit in order, so that the death of a process loses nothing.
  // No MDB_WRITEMAP: a full disk must be an error, not a SIGBUS.
  const unsigned flags = MDB_NOTLS | (options_.full_sync ? 0u : unsigned{MDB_NOSYNC | MDB_NOMETASYNC});
  std::uint64_t map_bytes = kLargestMap;
  if (options_.max_bytes != 0) map_bytes = std::min(map_bytes, options_.max_bytes + kMapReserve);
  for (;; map_bytes /= 2) {
    int result = mdb_env_create(&env_);
    if (result != 0) throw_lmdb_error(result, "opening", options_.directory);
    mdb_env_set_mapsize(env_, map_bytes);
    result = mdb_env_open(env_, options_.directory.c_str(), flags, 0600);
    if (result == 0) break;
    mdb_env_close(env_);
    env_ = nullptr;
    // A limit on the address space shows as ENOMEM: a smaller map may fit.
    if (result != ENOMEM || map_bytes / 2 < kSmallestMap) throw_lmdb_error(result, "opening", options_.directory);
  }
  if (options_.max_bytes == 0) options_.max_bytes = map_bytes - std::min(kMapReserve, map_bytes / 4);
}

void Environment::open_table() {
  MDB_txn* transaction = nullptr;
  int result = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction);
  if (result == 0) {
    result = mdb_dbi_open(transaction, nullptr, 0, &table_);
    if (result == 0)
      result = mdb_txn_commit(transaction);
    else
      mdb_txn_abort(transaction);
  }
  if (result != 0) throw_lmdb_error(result, "opening its table", options_.directory);
}

MDB_txn* Environment::begin_read() {
  MDB_txn* transaction = nullptr;
  int result = 0;
  if (idle_reads_.empty()) {
    result = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction);
    if (result == MDB_READERS_FULL) {
      int dead = 0;
      mdb_reader_check(env_, &dead);
      result = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &transaction);
    }
  } else {
    transaction = idle_reads_.back();
    idle_reads_.pop_back();
    result = mdb_txn_renew(transaction);
    if (result != 0) mdb_txn_abort(transaction);
  }
  if (result != 0) throw_lmdb_error(result, "beginning to read", options_.directory);
  return transaction;
}

void Environment::end_read(MDB_txn* transaction) {
  mdb_txn_reset(transaction);
  idle_reads_.push_back(transaction);
}

void Environment::check_room() {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  const std::uint64_t used = (info.me_last_pgno + 1) * page_bytes_;
  const bool full = used >= options_.max_bytes;
  if (!full && (used + kFileReserve <= allocated_bytes_ || extend_file(used))) return;
  // Only the end of the file is taken: freed pages before it serve as well, as long as some are left for deletions.
  if (free_pages() * page_bytes_ >= kFileReserve) return;
  throw_lmdb_error(full ? MDB_MAP_FULL : ENOSPC, "making room", options_.directory);
}

void Environment::sync() { mdb_env_sync(env_, 1); }

bool Environment::extend_file(std::uint64_t used_bytes) {
  int file = -1;
  mdb_env_get_fd(env_, &file);
  const std::uint64_t wanted = (used_bytes / kFileStep + 2) * kFileStep;
  const int result = ::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(wanted));
  // A file system that can't allocate ahead is taken as one with room; its ENOSPC comes with the commit.
  if (result != 0 && (errno == ENOSPC || errno == EDQUOT)) return false;
  allocated_bytes_ = wanted;
  return true;
}

std::uint64_t Environment::free_pages() {
  constexpr MDB_dbi kFreeList = 0;            // its records start with the number of pages they hold
  MDB_txn* const transaction = begin_read();  // LMDB shows it to readers only
  MDB_cursor* cursor = nullptr;
  std::uint64_t pages = 0;
  if (mdb_cursor_open(transaction, kFreeList, &cursor) == 0) {
    MDB_val key{};
    MDB_val value{};
    while (pages * page_bytes_ < kFileReserve && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
      std::size_t count = 0;
      std::memcpy(&count, value.mv_data, sizeof count);
      pages += count;
    }
    mdb_cursor_close(cursor);
  }
  end_read(transaction);
  return pages;
}

}  // namespace morrow::store
