// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>

namespace morrow::store {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t kLargestMap = 1024 * kMiB;  // the sanitizer leaves little address space
#else
constexpr std::uint64_t kLargestMap = kMiB * kMiB;
#endif
constexpr std::uint64_t kSmallestMap = 16 * kMiB;

// The reserve above what the limit allows: some tens of the largest transactions.
constexpr std::uint64_t kMapReserve = 32 * kMiB;
// Blocks of the data file that are allocated ahead, so that a full disk leaves a reserve too: a transaction of
// deletions writes some hundred kB, and what it frees serves the next but one.
constexpr std::uint64_t kFileStep = 4 * kMiB;
constexpr std::uint64_t kFileReserve = 4 * kMiB;
constexpr std::uint64_t kSmallFileStep = kMiB / 4;  // when the disk has no whole step left
constexpr std::uint64_t kBlockBytes = 512;          // in which stat counts

/// What of the reserve this kind of transaction leaves to others.
std::uint64_t kept_from(Room room, std::uint64_t reserve) {
  return room == Room::kNew ? reserve : room == Room::kEnd ? reserve / 2 : 0;
}

std::uint64_t beyond(std::uint64_t end, std::uint64_t limit) { return end > limit ? end - limit : 0; }

std::string megabytes(std::uint64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

// LMDB makes its lock file with holes; written through a map on a full disk they would be a SIGBUS. LMDB takes a
// larger file as it is, with the more reader slots that fit.
constexpr std::uint64_t kLockFileBytes = 128 * 1024;

bool disk_is_full(const std::string& directory) {
  struct statvfs status {};
  return ::statvfs(directory.c_str(), &status) == 0 && status.f_bavail * status.f_frsize < kMiB;
}

void allocate_lock_file(const std::string& directory) {
  const int file = ::open((directory + "/lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
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
    throw StoreFull(
        fmt::format("The store in {} is full: release futures, or end sessions that hold some.", directory));
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
  if (result == MDB_PANIC) {
    throw StoreGone(
        fmt::format("The store in {} can't be used by this process any more, since a write to its first pages failed "
                    "(the kernel's log may say why): start the worker again; what was acknowledged is there.",
                    directory));
  }
  if (result == MDB_CORRUPTED || result == MDB_PAGE_NOTFOUND || result == MDB_INVALID) {
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
    look_at_file();
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
  const std::uint64_t most = map_bytes - std::min(kMapReserve, map_bytes / 4);
  options_.max_bytes = options_.max_bytes == 0 ? most : std::min(options_.max_bytes, most);
  // One that was filled to its end, or with a larger limit, is to be emptied all the same.
  MDB_envinfo info{};
  MDB_stat status{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &status);
  const std::uint64_t used = (info.me_last_pgno + 1) * status.ms_psize;
  if (used + kMapReserve > map_bytes) mdb_env_set_mapsize(env_, used + kMapReserve);
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

void Environment::check_room(Room room) {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  const std::uint64_t used = (info.me_last_pgno + 1) * page_bytes_;
  const std::uint64_t of_map = beyond(used + kept_from(room, kMapReserve), options_.max_bytes + kMapReserve);
  const bool has_blocks = used + kFileReserve <= allocated_bytes_ || extend_file(used);
  const std::uint64_t of_file = has_blocks ? 0 : beyond(used + kept_from(room, kFileReserve), allocated_bytes_);
  const std::uint64_t missing = std::max(of_map, of_file);
  if (room == Room::kFree || missing == 0) return;
  // Only the end of the file is taken: freed pages before it serve as well.
  const std::uint64_t free = free_bytes(missing);
  if (free >= missing) return;
  if (of_file > of_map) {
    throw StoreFull(
        fmt::format("The store in {} is full, since its disk is: {} are in use, and what is left is kept for "
                    "deletions; free some space on the disk, release futures, or end sessions that hold some.",
                    options_.directory, megabytes(used - std::min(used, free))));
  }
  throw StoreFull(fmt::format(
      "The store in {} is full: {} of {} are in use; release futures, end sessions that hold some, or raise "
      "its max_bytes.",
      options_.directory, megabytes(used - std::min(used, free)), megabytes(options_.max_bytes)));
}

void Environment::sync() { mdb_env_sync(env_, 1); }

void Environment::look_at_file() {
  int file = -1;
  mdb_env_get_fd(env_, &file);
  struct stat status {};
  if (::fstat(file, &status) != 0) throw_lmdb_error(errno, "looking at its file", options_.directory);
  allocated_bytes_ = static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
  path_ = options_.directory + "/data.mdb";
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

bool Environment::is_in_place() const {
  struct stat status {};
  return ::stat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

bool Environment::extend_file(std::uint64_t used_bytes) {
  int file = -1;
  mdb_env_get_fd(env_, &file);
  const std::uint64_t wanted = used_bytes + kFileReserve;
  for (const std::uint64_t step : {kFileStep, kSmallFileStep}) {
    const std::uint64_t end = (wanted / step + 1) * step;
    const int result = ::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(end));
    // A file system that can't allocate ahead is taken as one with room; its ENOSPC comes with the commit.
    if (result == 0 || (errno != ENOSPC && errno != EDQUOT)) {
      allocated_bytes_ = end;
      return true;
    }
  }
  return false;
}

std::size_t Environment::oldest_reader() const {
  std::size_t oldest = std::numeric_limits<std::size_t>::max();
  mdb_reader_list(
      env_,
      [](const char* line, void* context) {
        auto& found = *static_cast<std::size_t*>(context);
        int pid = 0;
        std::size_t thread = 0;
        std::size_t version = 0;
        if (std::sscanf(line, "%d %zx %zu", &pid, &thread, &version) == 3) found = std::min(found, version);
        return 0;
      },
      &oldest);
  return oldest;
}

std::uint64_t Environment::free_bytes(std::uint64_t enough) {
  constexpr MDB_dbi kFreeList =
      0;  // its keys are the versions that freed the pages, its records start with their number
  const std::size_t oldest = oldest_reader();
  MDB_txn* const transaction = begin_read();  // LMDB shows it to readers only
  MDB_cursor* cursor = nullptr;
  std::uint64_t pages = 0;
  if (mdb_cursor_open(transaction, kFreeList, &cursor) == 0) {
    MDB_val key{};
    MDB_val value{};
    while (pages * page_bytes_ < enough && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
      std::size_t version = 0;
      std::memcpy(&version, key.mv_data, sizeof version);
      if (version >= oldest) break;  // somebody may still read them
      std::size_t count = 0;
      std::memcpy(&count, value.mv_data, sizeof count);
      pages += count;
    }
    mdb_cursor_close(cursor);
  }
  end_read(transaction);
  return pages * page_bytes_;
}

}  // namespace morrow::store
