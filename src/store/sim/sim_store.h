// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "store/sim/sim_database.h"
#include "store/store.h"

namespace morrow::store {

/// One worker's handle to a `SimDatabase`; several may share it. Never waits: a transaction that was tried
/// 10,000 times throws StoreError instead.
class SimStore : public Store {
 public:
  /// A database of its own.
  SimStore() : SimStore(std::make_shared<SimDatabase>()) {}
  explicit SimStore(std::shared_ptr<SimDatabase> database) : database_(std::move(database)) {}

  SimDatabase& database() { return *database_; }

  using Store::begin;
  std::unique_ptr<Transaction> begin(Room room) override;
  std::unique_ptr<Transaction> begin_read() override;
  std::unique_ptr<Watch> watch(std::string_view key, std::function<void()> on_change) override;

 protected:
  void pause_before_retry(int attempt) override;

 private:
  const std::shared_ptr<SimDatabase> database_;
};

}  // namespace morrow::store
