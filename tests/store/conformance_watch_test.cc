// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/store/backends.h"

namespace morrow::store {
namespace {

using Watches = EveryBackend;
INSTANTIATE_TEST_SUITE_P(Backends, Watches, testing::Values("lmdb", "sim"),
                         [](const auto& backend) { return backend.param; });

/// Counts the calls of a watch and lets a test wait for them; a lost one hangs the test.
class Calls {
 public:
  std::function<void()> callback() {
    return [this] {
      count_.fetch_add(1);
      count_.notify_all();
    };
  }
  void wait_for(int count) {
    for (int seen = count_; seen < count; seen = count_) count_.wait(seen);
  }
  int count() const { return count_; }

 private:
  std::atomic<int> count_ = 0;
};

TEST_P(Watches, ASetFiresTheWatchOfItsKey) {
  Calls calls;
  const auto watch = store().watch("a", calls.callback());
  set("a", "1");
  calls.wait_for(1);
}

TEST_P(Watches, AClearAndAClearedRangeFireTheWatch) {
  set("a", "1");
  set("b", "1");
  Calls calls;
  const auto a = store().watch("a", calls.callback());
  const auto b = store().watch("b", calls.callback());
  store().transact([](Transaction& transaction) { transaction.clear("a"); });
  calls.wait_for(1);
  store().transact([](Transaction& transaction) { transaction.clear_range({"b", "c"}); });
  calls.wait_for(2);
}

TEST_P(Watches, AWatchFiresOnceAndAllWatchesOfAKeyFire) {
  Calls first;
  Calls second;
  const auto a = store().watch("a", first.callback());
  const auto b = store().watch("a", second.callback());
  set("a", "1");
  first.wait_for(1);
  second.wait_for(1);
  Calls again;
  const auto c = store().watch("a", again.callback());
  set("a", "2");
  again.wait_for(1);
  EXPECT_EQ(first.count(), 1);
  EXPECT_EQ(second.count(), 1);
}

TEST_P(Watches, AnAbortedTransactionFiresNothing) {
  Calls calls;
  Calls other;
  const auto watch = store().watch("a", calls.callback());
  const auto marker = store().watch("marker", other.callback());
  store().begin()->set("a", "1");
  set("marker", "1");
  other.wait_for(1);
  EXPECT_EQ(calls.count(), 0);
}

TEST_P(Watches, ADestroyedWatchIsNeverCalled) {
  auto called = std::make_unique<std::atomic<int>>(0);
  for (int round = 0; round < 200; ++round) {
    auto watch = store().watch("a", [&called] { called->fetch_add(1); });
    set("a", std::to_string(round));
    watch.reset();
    const int before = *called;
    called = std::make_unique<std::atomic<int>>(before);  // a late call would touch freed memory
  }
  Calls marker;
  const auto watch = store().watch("marker", marker.callback());
  set("marker", "1");
  marker.wait_for(1);
  EXPECT_LE(*called, 200);
}

TEST_P(Watches, ManyWatchedKeysEachFire) {
  constexpr int kKeys = 500;
  Calls calls;
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < kKeys; ++i) watches.push_back(store().watch(std::to_string(i), calls.callback()));
  store().transact([](Transaction& transaction) {
    for (int i = 0; i < kKeys; ++i) transaction.set(std::to_string(i), "1");
  });
  calls.wait_for(kKeys);
  EXPECT_EQ(calls.count(), kKeys);
}

TEST_P(Watches, ACallbackMaySetTheFlagThatSetsTheNextWatch) {
  // The worker's pattern: the callback signals, the store's thread reads and watches again. A lost wake-up hangs.
  for (int round = 0; round < 500; ++round) {
    Calls calls;
    const auto watch = store().watch("signal", calls.callback());
    set("signal", std::to_string(round));
    calls.wait_for(1);
    ASSERT_EQ(get("signal"), std::to_string(round));
  }
}

}  // namespace
}  // namespace morrow::store
