// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lmdb.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace morrow::store {

/// Throws the typed error for an LMDB result that is not success. \p doing ends the phrase "while".
[[noreturn]] void throw_lmdb_error(int result, std::string_view doing, const std::string& directory);

/// An open LMDB environment with its one table, its recycled read transactions, and the room that is left.
/// Belongs to one thread.
class Environment {
 public:
  /// How the file is opened.
  struct Options {
    std::string directory;
    bool full_sync = false;
    std::uint64_t max_bytes = 0;  ///< the most the data file may hold; 0: as much as address space and disk allow
  };

  /// \throws StoreError, StoreFull
  explicit Environment(Options options);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  MDB_env* get() const { return env_; }
  MDB_dbi table() const { return table_; }
  const std::string& directory() const { return options_.directory; }

  /// A read transaction of the newest version, and its return.
  MDB_txn* begin_read();
  void end_read(MDB_txn* transaction);

  /// Fails while there is no room for this kind of transaction, so that what is kept in reserve serves deletions, which
  /// need some pages themselves. Call in a write transaction before its first `set`. \throws StoreFull
  void check_room(Room room);

  /// Whether the file that is open still stands at its place: else it, or its folder, was removed or replaced.
  bool is_in_place() const;

  void sync();

 private:
  void open();
  void open_table();
  void look_at_file();
  bool extend_file(std::uint64_t used_bytes);
  std::size_t oldest_reader() const;
  std::uint64_t free_bytes(std::uint64_t enough);

  Options options_;
  MDB_env* env_ = nullptr;
  MDB_dbi table_ = 0;
  std::vector<MDB_txn*> idle_reads_;
  std::uint64_t page_bytes_ = 4096;
  std::string path_;  // of the data file
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t allocated_bytes_ = 0;  // of the data file on disk, as far as this process made sure
};

}  // namespace morrow::store
