// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/lmdb_transaction.h"

#include <utility>

#include "base/invariant.h"
#include "store/limits.h"

namespace morrow::store {
namespace {

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }

std::string_view to_view(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

}  // namespace

std::optional<std::string> LmdbTransaction::get(std::string_view key, Read) {
  open();
  if (key.empty()) return std::nullopt;
  MDB_val name = to_val(key);
  MDB_val value{};
  const int result = mdb_cursor_get(cursor(), &name, &value, MDB_SET);
  if (result == MDB_NOTFOUND) return std::nullopt;
  if (result != 0) throw_lmdb_error(result, "reading", store_.options_.directory);
  return std::string(to_view(value));
}

std::vector<KeyValue> LmdbTransaction::scan(const Range& range, Read, std::size_t limit) {
  std::vector<KeyValue> found;
  open();
  MDB_val key{};
  MDB_val value{};
  if (limit == 0 || !seek(range, key, value)) return found;
  do {
    found.push_back({std::string(to_view(key)), std::string(to_view(value))});
    if (found.size() >= limit) break;
    const int result = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT);
    if (result == MDB_NOTFOUND) break;
    if (result != 0) throw_lmdb_error(result, "scanning", store_.options_.directory);
  } while (to_view(key) < range.end);
  return found;
}

void LmdbTransaction::prefetch(std::span<const std::string>, std::span<const Range>) {}

void LmdbTransaction::set(std::string_view key, std::string_view value) {
  guarded([&] {
    check_key(key, LmdbStore::kMaxKeyBytes);
    check_value(key, value);
    open_for_write();
    if (!room_checked_) {
      store_.environment_.check_room(room_);
      room_checked_ = true;
    }
    wrote(key, key.size() + value.size());
    MDB_val name = to_val(key);
    MDB_val content = to_val(value);
    const int result = mdb_cursor_put(cursor(), &name, &content, 0);
    if (result != 0) throw_lmdb_error(result, "writing", store_.options_.directory);
  });
}

void LmdbTransaction::clear(std::string_view key) {
  guarded([&] {
    if (key.empty() || key.size() > LmdbStore::kMaxKeyBytes) return;  // no such key can be there
    open_for_write();
    MDB_val name = to_val(key);
    MDB_val value{};
    int result = mdb_cursor_get(cursor(), &name, &value, MDB_SET);
    if (result == MDB_NOTFOUND) return;
    if (result == 0) result = mdb_cursor_del(cursor(), 0);
    if (result != 0) throw_lmdb_error(result, "clearing", store_.options_.directory);
    wrote(key, key.size());
  });
}

void LmdbTransaction::clear_range(const Range& range) {
  guarded([&] {
    open_for_write();
    MDB_val key{};
    MDB_val value{};
    bool any = false;
    for (bool found = seek(range, key, value); found; found = to_view(key) < range.end) {
      any = true;
      wrote(to_view(key), 0);
      int result = mdb_cursor_del(cursor_, 0);
      // After a deletion the cursor stands on the next item already, and MDB_NEXT gives that one.
      if (result == 0) result = mdb_cursor_get(cursor_, &key, &value, MDB_NEXT);
      if (result == MDB_NOTFOUND) break;
      if (result != 0) throw_lmdb_error(result, "clearing", store_.options_.directory);
    }
    if (any) wrote({}, range.begin.size() + range.end.size());
  });
}

CommitResult LmdbTransaction::commit() {
  if (failure_) std::rethrow_exception(failure_);
  if (ended_) throw StoreError("This transaction has ended: begin a new one.");
  if (transaction_ == nullptr || !wrote_) {
    end();
    return CommitResult::kCommitted;
  }
  MORROW_INVARIANT(mode_ == Mode::kWrite, "what reads only has written nothing");
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  cursor_ = nullptr;
  MDB_txn* const transaction = std::exchange(transaction_, nullptr);
  ended_ = true;
  store_.commit_write(transaction);
  return CommitResult::kCommitted;
}

MDB_txn* LmdbTransaction::open() {
  if (transaction_ != nullptr) return transaction_;
  if (failure_) std::rethrow_exception(failure_);
  if (ended_) throw StoreError("This transaction has ended: begin a new one.");
  MORROW_INVARIANT(cursor_ == nullptr, "a cursor belongs to an open transaction");
  transaction_ = mode_ == Mode::kWrite ? store_.begin_write() : store_.begin_snapshot();
  return transaction_;
}

MDB_txn* LmdbTransaction::open_for_write() {
  if (mode_ == Mode::kReadOnly) throw StoreError("A transaction begun with begin_read can't write: use begin.");
  return open();
}

MDB_cursor* LmdbTransaction::cursor() {
  if (cursor_ != nullptr) return cursor_;
  const int result = mdb_cursor_open(open(), store_.environment_.table(), &cursor_);
  if (result != 0) throw_lmdb_error(result, "scanning", store_.options_.directory);
  return cursor_;
}

bool LmdbTransaction::seek(const Range& range, MDB_val& key, MDB_val& value) {
  if (range.begin >= range.end) return false;
  key = to_val(range.begin);
  const int result = mdb_cursor_get(cursor(), &key, &value, range.begin.empty() ? MDB_FIRST : MDB_SET_RANGE);
  if (result == MDB_NOTFOUND) return false;
  if (result != 0) throw_lmdb_error(result, "scanning", store_.options_.directory);
  return to_view(key) < range.end;
}

void LmdbTransaction::wrote(std::string_view key, std::size_t bytes) {
  wrote_ = true;
  bytes_ += bytes;
  check_transaction(bytes_);
  if (!key.empty()) store_.note_changed(Wakeups::bucket_of(key));
}

void LmdbTransaction::end() {
  ended_ = true;
  if (transaction_ == nullptr) return;
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  cursor_ = nullptr;
  MDB_txn* const transaction = std::exchange(transaction_, nullptr);
  if (mode_ == Mode::kWrite) {
    store_.abort_write(transaction);
  } else {
    store_.environment_.end_read(transaction);
  }
}

template <typename Body>
void LmdbTransaction::guarded(Body body) {
  try {
    body();
  } catch (...) {
    // The writes so far must not be committed alone; the lock is free for the next transaction.
    failure_ = std::current_exception();
    end();
    throw;
  }
}

}  // namespace morrow::store
