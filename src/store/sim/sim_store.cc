// SPDX-License-Identifier: Apache-2.0
#include "store/sim/sim_store.h"

#include "store/sim/sim_transaction.h"

namespace morrow::store {

std::unique_ptr<Transaction> SimStore::begin(Room room) {
  return std::make_unique<SimTransaction>(*database_, SimTransaction::Mode::kWrite, room);
}

std::unique_ptr<Transaction> SimStore::begin_read() {
  return std::make_unique<SimTransaction>(*database_, SimTransaction::Mode::kReadOnly, Room::kFree);
}

std::unique_ptr<Watch> SimStore::watch(std::string_view key, std::function<void()> on_change) {
  return database_->add_watch(key, std::move(on_change), database_);
}

void SimStore::pause_before_retry(int attempt) {
  constexpr int kMostAttempts = 10'000;
  if (attempt >= kMostAttempts) {
    throw StoreError(
        "A transaction of the simulated store was tried 10,000 times: look for what makes it conflict for ever.");
  }
}

}  // namespace morrow::store
