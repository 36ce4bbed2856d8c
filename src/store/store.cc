// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>

#include "base/random_id.h"
#include "store/limits.h"

namespace morrow::store {
Range Range::with_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (end.empty()) throw StoreError("A prefix must hold a byte below 0xff, or its range has no end.");
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::string(prefix), std::move(end)};
}

void Store::transact(Room room, const std::function<void(Transaction&)>& body) {
  for (int attempt = 1;; ++attempt) {
    const std::unique_ptr<Transaction> transaction = begin(room);
    body(*transaction);
    if (transaction->commit() == CommitResult::kCommitted) return;
    pause_before_retry(attempt);
  }
}

void Store::pause_before_retry(int attempt) {
  // Half of the pause is drawn, so that transactions that met in a conflict don't meet again.
  thread_local std::minstd_rand random{static_cast<std::minstd_rand::result_type>(base::random_id())};
  const int longest_us = 100 << std::min(attempt, 10);
  std::uniform_int_distribution<int> pause(longest_us / 2, longest_us);
  std::this_thread::sleep_for(std::chrono::microseconds(pause(random)));
}

void check_key(std::string_view key, std::size_t max_bytes) {
  if (key.empty()) throw StoreError("A key of the store can't be empty: give it at least one byte.");
  if (key.size() > max_bytes) {
    throw TooLarge(
        fmt::format("A key of {} bytes is over this store's limit of {}: use a shorter key.", key.size(), max_bytes));
  }
}

void check_value(std::string_view key, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return;
  throw TooLarge(fmt::format("A value of {} bytes, for a key of {} bytes, is over the store's limit of {}: split it.",
                             value.size(), key.size(), kMaxValueBytes));
}

void check_transaction(std::size_t bytes, std::size_t max_bytes) {
  if (bytes <= max_bytes) return;
  throw TooLarge(fmt::format("A transaction of {} bytes is over the store's limit of {}: split it into smaller ones.",
                             bytes, max_bytes));
}

}  // namespace morrow::store
