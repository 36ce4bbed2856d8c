// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <lmdb.h>

#include <exception>

#include "store/lmdb/lmdb_store.h"
#include "store/store.h"

namespace morrow::store {

/// A transaction of LMDB; it begins with its first operation. After a failed write it only fails.
class LmdbTransaction : public Transaction {
 public:
  /// Whether it may write: then it holds the write lock of the file.
  enum class Mode { kReadOnly, kWrite };

  LmdbTransaction(LmdbStore& store, Mode mode, Room room) : store_(store), mode_(mode), room_(room) {}
  ~LmdbTransaction() override { end(); }
  LmdbTransaction(const LmdbTransaction&) = delete;
  LmdbTransaction& operator=(const LmdbTransaction&) = delete;

  std::optional<std::string> get(std::string_view key, Read read) override;
  std::vector<KeyValue> scan(const Range& range, Read read, std::size_t limit) override;
  void prefetch(std::span<const std::string> keys, std::span<const Range> ranges) override;
  void set(std::string_view key, std::string_view value) override;
  void clear(std::string_view key) override;
  void clear_range(const Range& range) override;
  CommitResult commit() override;

 private:
  MDB_txn* open();
  MDB_txn* open_for_write();
  MDB_cursor* cursor();
  bool seek(const Range& range, MDB_val& key, MDB_val& value);
  void wrote(std::string_view key, std::size_t bytes);
  void end();
  template <typename Body>
  void guarded(Body body);

  LmdbStore& store_;
  const Mode mode_;
  const Room room_;
  MDB_txn* transaction_ = nullptr;
  MDB_cursor* cursor_ = nullptr;  // one for all: keys that follow each other mostly lie on the page where it stands
  std::size_t bytes_ = 0;
  bool wrote_ = false;
  bool room_checked_ = false;
  bool ended_ = false;
  std::exception_ptr failure_;
};

}  // namespace morrow::store
