// SPDX-License-Identifier: Apache-2.0
#include "store/sim/sim_transaction.h"

#include <algorithm>
#include <utility>

#include "store/limits.h"

namespace morrow::store {
namespace {

std::string after(std::string_view key) {
  std::string next(key);
  next.push_back('\0');
  return next;
}

}  // namespace

std::optional<std::string> SimTransaction::get(std::string_view key, Read read) {
  check_usable();
  if (database_.hooks.step) database_.hooks.step();
  const std::uint64_t version = read_version();
  if (const auto own = writes_.find(key); own != writes_.end()) return own->second;
  if (cleared_around(key) != nullptr) return std::nullopt;
  if (read == Read::kConflict) add_read(key, after(key));
  const auto row = database_.table_.find(key);
  if (row == database_.table_.end()) return std::nullopt;
  const std::string* value = SimDatabase::value_at(row->second, version);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::vector<KeyValue> SimTransaction::scan(const Range& range, Read read, std::size_t limit) {
  check_usable();
  if (database_.hooks.step) database_.hooks.step();
  std::vector<KeyValue> found;
  const std::uint64_t version = read_version();
  if (limit == 0 || range.begin >= range.end) return found;

  auto row = database_.table_.lower_bound(range.begin);
  const auto rows_end = database_.table_.lower_bound(range.end);
  auto own = writes_.lower_bound(range.begin);
  const auto own_end = writes_.lower_bound(range.end);
  while (found.size() < limit && (row != rows_end || own != own_end)) {
    if (own != own_end && (row == rows_end || own->first <= row->first)) {
      if (row != rows_end && own->first == row->first) ++row;
      if (own->second) found.push_back({own->first, *own->second});
      ++own;
      continue;
    }
    if (const Range* cleared = cleared_around(row->first); cleared != nullptr) {
      row = database_.table_.lower_bound(std::min(cleared->end, range.end));
      continue;
    }
    if (const std::string* value = SimDatabase::value_at(row->second, version)) found.push_back({row->first, *value});
    ++row;
  }
  if (read == Read::kConflict) {
    add_read(range.begin, found.size() == limit ? after(found.back().key) : range.end);
  }
  return found;
}

void SimTransaction::prefetch(std::span<const std::string>, std::span<const Range>) {}

void SimTransaction::set(std::string_view key, std::string_view value) {
  check_writable();
  failed_ = true;
  check_key(key);
  check_value(key, value);
  failed_ = false;
  add_bytes(3 * key.size() + value.size() + 1);
  writes_.insert_or_assign(std::string(key), std::string(value));
}

void SimTransaction::clear(std::string_view key) {
  check_writable();
  if (key.empty()) return;
  add_bytes(3 * key.size() + 1);
  writes_.insert_or_assign(std::string(key), std::nullopt);
}

void SimTransaction::clear_range(const Range& range) {
  check_writable();
  if (range.begin >= range.end) return;
  add_bytes(2 * (range.begin.size() + range.end.size()));
  writes_.erase(writes_.lower_bound(range.begin), writes_.lower_bound(range.end));
  // Ranges that touch become one.
  Range merged = range;
  auto next = cleared_.upper_bound(merged.begin);
  if (next != cleared_.begin() && std::prev(next)->second.end >= merged.begin) --next;
  while (next != cleared_.end() && next->second.begin <= merged.end) {
    merged.begin = std::min(merged.begin, next->second.begin);
    merged.end = std::max(merged.end, next->second.end);
    next = cleared_.erase(next);
  }
  cleared_.emplace(merged.begin, merged);
}

CommitResult SimTransaction::commit() {
  check_usable();
  if (failed_) {
    end();
    throw StoreError("A write of this transaction failed, so it can't be committed: begin a new one.");
  }
  if (database_.hooks.step) database_.hooks.step();
  if (writes_.empty() && cleared_.empty()) {
    end();
    return CommitResult::kCommitted;
  }
  if (database_.hooks.full && database_.hooks.full(room_)) {
    end();
    throw StoreFull("The simulated store is full.");
  }
  if (bytes_ > database_.options_.max_transaction_bytes) end();
  check_transaction(bytes_, database_.options_.max_transaction_bytes);

  SimDatabase::Request request;
  if (open_) request.read_version = **open_;
  request.reads = std::move(reads_);
  for (auto& [key, value] : writes_) request.writes.push_back({key, std::move(value)});
  for (auto& [begin, range] : cleared_) request.cleared.push_back(std::move(range));
  const std::uint64_t number = ++database_.attempts_;
  const Fate fate =
      database_.hooks.fate ? database_.hooks.fate(Commit{0, number, request.writes, request.cleared}) : Fate::kNormal;
  if (fate == Fate::kNormal || fate == Fate::kUnknownApplied) {
    ended_ = true;
    const CommitResult result = database_.apply(std::move(request), std::exchange(open_, std::nullopt), number);
    return fate == Fate::kNormal ? result : CommitResult::kUnknown;
  }
  if (fate == Fate::kUnknownLater) {
    database_.in_flight_.push_back({std::move(request), std::exchange(open_, std::nullopt), number});
  }
  end();
  if (fate == Fate::kFail) throw StoreError("The store is out of reach: try again later.");
  return fate == Fate::kConflict ? CommitResult::kConflict : CommitResult::kUnknown;
}

void SimTransaction::check_usable() {
  if (ended_) throw StoreError("This transaction has ended: begin a new one.");
}

void SimTransaction::check_writable() {
  check_usable();
  if (mode_ == Mode::kReadOnly) throw StoreError("A transaction begun with begin_read can't write: use begin.");
}

std::uint64_t SimTransaction::read_version() {
  if (!open_) open_ = database_.open_version();
  return **open_;
}

void SimTransaction::add_read(std::string_view begin, std::string_view end) {
  bytes_ += begin.size() + end.size();
  reads_.push_back({std::string(begin), std::string(end)});
}

const Range* SimTransaction::cleared_around(std::string_view key) const {
  const auto next = cleared_.upper_bound(key);
  if (next == cleared_.begin()) return nullptr;
  const Range& candidate = std::prev(next)->second;
  return key < candidate.end ? &candidate : nullptr;
}

void SimTransaction::add_bytes(std::size_t bytes) { bytes_ += bytes; }

void SimTransaction::end() {
  ended_ = true;
  if (open_) database_.close_version(*std::exchange(open_, std::nullopt));
}

}  // namespace morrow::store
