// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "store/sim/sim_store.h"

namespace morrow::store {
namespace {

class SimHooks : public testing::Test {
 protected:
  SimHooks() : database(std::make_shared<SimDatabase>()), store(database) {}

  CommitResult try_set(std::string_view key, std::string_view value) {
    const auto transaction = store.begin();
    transaction->get(key);
    transaction->set(key, value);
    return transaction->commit();
  }
  std::optional<std::string> get(std::string_view key) {
    const std::string* value = database->find(key);
    return value == nullptr ? std::nullopt : std::optional(*value);
  }
  void next_fate(Fate fate) {
    database->hooks.fate = [this, fate](const Commit&) {
      database->hooks.fate = nullptr;
      return fate;
    };
  }

  std::shared_ptr<SimDatabase> database;
  SimStore store;
};

TEST_F(SimHooks, EachFateIsReportedAndAppliedAsItSays) {
  next_fate(Fate::kConflict);
  EXPECT_EQ(try_set("a", "1"), CommitResult::kConflict);
  EXPECT_EQ(get("a"), std::nullopt);
  next_fate(Fate::kUnknownNotApplied);
  EXPECT_EQ(try_set("a", "2"), CommitResult::kUnknown);
  EXPECT_EQ(get("a"), std::nullopt);
  next_fate(Fate::kUnknownApplied);
  EXPECT_EQ(try_set("a", "3"), CommitResult::kUnknown);
  EXPECT_EQ(get("a"), "3");
  next_fate(Fate::kFail);
  EXPECT_THROW(try_set("a", "4"), StoreError);
  EXPECT_EQ(get("a"), "3");
  EXPECT_EQ(try_set("a", "5"), CommitResult::kCommitted);
  EXPECT_EQ(get("a"), "5");
}

TEST_F(SimHooks, ALateCommitLandsWhenTheSimulatorSays) {
  next_fate(Fate::kUnknownLater);
  EXPECT_EQ(try_set("a", "late"), CommitResult::kUnknown);
  EXPECT_EQ(get("a"), std::nullopt);
  ASSERT_EQ(database->in_flight(), 1u);
  EXPECT_EQ(try_set("b", "1"), CommitResult::kCommitted);
  EXPECT_EQ(database->land(0), CommitResult::kCommitted);
  EXPECT_EQ(get("a"), "late");
  EXPECT_EQ(database->in_flight(), 0u);
}

TEST_F(SimHooks, ALateCommitConflictsWithWhatCameBeforeIt) {
  next_fate(Fate::kUnknownLater);
  EXPECT_EQ(try_set("a", "late"), CommitResult::kUnknown);
  EXPECT_EQ(try_set("a", "retry"), CommitResult::kCommitted);
  EXPECT_EQ(database->land(0), CommitResult::kConflict);
  EXPECT_EQ(get("a"), "retry");
  next_fate(Fate::kUnknownLater);
  try_set("a", "dropped");
  database->drop(0);
  EXPECT_EQ(get("a"), "retry");
  EXPECT_EQ(database->kept_versions(), 1u);
}

TEST_F(SimHooks, TransactRunsTheBodyAgainAfterALostAnswer) {
  next_fate(Fate::kUnknownApplied);
  int runs = 0;
  store.transact([&](Transaction& transaction) {
    ++runs;
    const auto mine = transaction.get("mine");
    if (!mine) transaction.set("mine", "1");
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(get("mine"), "1");
}

TEST_F(SimHooks, TheObserverSeesEachCommitWithItsWritesInKeyOrder) {
  std::vector<std::string> trace;
  database->hooks.committed = [&](const Commit& commit) {
    std::string line = std::to_string(commit.version) + ':';
    for (const Mutation& write : commit.writes) line += ' ' + write.key + '=' + write.value.value_or("-");
    trace.push_back(line);
  };
  store.transact([](Transaction& t) {
    t.set("b", "1");
    t.set("a", "1");
    t.set("c", "1");
  });
  store.transact([](Transaction& t) {
    t.clear_range({"a", "c"});
    t.set("b", "2");
    t.set("d", "2");
  });
  store.transact([](Transaction& t) { t.get("a"); });
  next_fate(Fate::kConflict);
  try_set("a", "3");
  EXPECT_EQ(trace, (std::vector<std::string>{"1: a=1 b=1 c=1", "2: a=- b=2 d=2"}));
}

TEST_F(SimHooks, AStepHookLetsOthersCommitBetweenTwoReads) {
  SimStore other(database);
  int steps = 0;
  database->hooks.step = [&] {
    if (++steps != 2) return;
    other.transact([](Transaction& t) { t.set("a", "other"); });
  };
  int runs = 0;
  store.transact([&](Transaction& transaction) {
    ++runs;
    transaction.get("a");
    transaction.get("b");
    transaction.set("c", "1");
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(get("c"), "1");
}

TEST_F(SimHooks, WatchesAreHeldBackUntilReleasedOrLost) {
  int fired = 0;
  const auto count = [&] { ++fired; };
  database->hooks.watch = [](std::string_view key) { return key == "lost" ? WatchFate::kLose : WatchFate::kHold; };
  const auto held = store.watch("held", count);
  auto cancelled = store.watch("held", count);
  const auto lost = store.watch("lost", count);
  try_set("held", "1");
  try_set("lost", "1");
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(database->held_watches(), 2u);
  cancelled.reset();
  database->release_watches();
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(database->held_watches(), 0u);
}

TEST_F(SimHooks, ACallbackMayDestroyAnotherWatchOfTheSameCommit) {
  std::unique_ptr<Watch> second;
  int fired = 0;
  const auto first = store.watch("a", [&] {
    ++fired;
    second.reset();
  });
  second = store.watch("a", [&] { ++fired; });
  try_set("a", "1");
  EXPECT_EQ(fired, 1);
}

}  // namespace
}  // namespace morrow::store
