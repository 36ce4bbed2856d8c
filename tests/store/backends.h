// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/open/open_store.h"
#include "store/store.h"
#include "tests/store/temporary_directory.h"

namespace morrow::store {

/// A test of the promises that every backend makes; the parameter is the backend's name.
class EveryBackend : public testing::TestWithParam<std::string> {
 protected:
  EveryBackend() { open(); }

  bool is_lmdb() const { return GetParam() == "lmdb"; }
  void open() { store_ = open_store(is_lmdb() ? "lmdb:" + directory_.path() : "sim:"); }
  void close() { store_.reset(); }
  Store& store() { return *store_; }

  void set(std::string_view key, std::string_view value) {
    store().transact([&](Transaction& transaction) { transaction.set(key, value); });
  }
  std::optional<std::string> get(std::string_view key) { return store().begin_read()->get(key, Read::kSnapshot); }
  std::vector<KeyValue> all() { return store().begin_read()->scan({"", "\xff"}, Read::kSnapshot); }

 private:
  TemporaryDirectory directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace morrow::store
