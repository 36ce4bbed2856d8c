// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "store/open/open_store.h"
#include "store/store.h"
#include "tests/store/temporary_directory.h"

namespace morrow::store {
namespace {

using Model = std::map<std::string, std::string>;

std::string draw_key() {
  // Few short keys, so that operations meet; with bytes at both ends of the order.
  return *rc::gen::resize(3,
                          rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::element('\0', 'a', 'b', '\xff'))));
}

Range draw_range() { return {draw_key(), draw_key()}; }

std::vector<KeyValue> scan_model(const Model& model, const Range& range, std::size_t limit) {
  std::vector<KeyValue> found;
  if (range.begin >= range.end) return found;
  for (auto row = model.lower_bound(range.begin); row != model.end() && row->first < range.end; ++row) {
    if (found.size() == limit) break;
    found.push_back({row->first, row->second});
  }
  return found;
}

void random_operation(Transaction& transaction, Model& model) {
  const Read read = *rc::gen::element(Read::kSnapshot, Read::kConflict);
  switch (*rc::gen::inRange(0, 8)) {
    case 0:
    case 1:
    case 2: {
      const std::string key = draw_key();
      const auto value = *rc::gen::arbitrary<std::string>();
      transaction.set(key, value);
      model[key] = value;
      break;
    }
    case 3: {
      const std::string key = draw_key();
      transaction.clear(key);
      model.erase(key);
      break;
    }
    case 4: {
      const Range range = draw_range();
      transaction.clear_range(range);
      if (range.begin < range.end) model.erase(model.lower_bound(range.begin), model.lower_bound(range.end));
      break;
    }
    case 5: {
      const std::string key = draw_key();
      const auto row = model.find(key);
      RC_ASSERT(transaction.get(key, read) == (row == model.end() ? std::nullopt : std::optional(row->second)));
      break;
    }
    default: {
      const Range range = draw_range();
      const std::size_t limit = *rc::gen::element<std::size_t>(1, 2, 5, kNoLimit);
      RC_ASSERT(transaction.scan(range, read, limit) == scan_model(model, range, limit));
    }
  }
}

/// Random transactions, some dropped, give at each step what a std::map gives.
void behaves_like_a_map(Store& store) {
  store.transact([](Transaction& transaction) { transaction.clear_range({"", std::string(20, '\xff')}); });
  Model committed;
  const int transactions = *rc::gen::inRange(1, 12);
  for (int i = 0; i < transactions; ++i) {
    const auto transaction = store.begin();
    Model model = committed;
    for (int operations = *rc::gen::inRange(0, 15); operations > 0; --operations) random_operation(*transaction, model);
    if (*rc::gen::inRange(0, 4) == 0) continue;
    RC_ASSERT(transaction->commit() == CommitResult::kCommitted);
    committed = std::move(model);
    RC_ASSERT(store.begin_read()->scan({"", std::string(20, '\xff')}, Read::kSnapshot) ==
              scan_model(committed, {"", std::string(20, '\xff')}, kNoLimit));
  }
}

TEST(ModelTest, LmdbBehavesLikeAMap) {
  const TemporaryDirectory directory;
  const auto store = open_store("lmdb:" + directory.path());
  EXPECT_TRUE(rc::check("lmdb behaves like a map", [&] { behaves_like_a_map(*store); }));
}

TEST(ModelTest, SimBehavesLikeAMap) {
  const auto store = open_store("sim:");
  EXPECT_TRUE(rc::check("sim behaves like a map", [&] { behaves_like_a_map(*store); }));
}

}  // namespace
}  // namespace morrow::store
