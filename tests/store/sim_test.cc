// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "store/sim/sim_store.h"

namespace morrow::store {
namespace {

class SimTest : public testing::Test {
 protected:
  SimTest() : database(std::make_shared<SimDatabase>()), store(database), other(database) {}

  static void set(Store& store, std::string_view key, std::string_view value) {
    store.transact([&](Transaction& transaction) { transaction.set(key, value); });
  }

  /// What a transaction that read by `read` commits to after `interfere` committed in between.
  template <typename ReadSomething, typename Interfere>
  CommitResult race(ReadSomething read, Interfere interfere) {
    const auto transaction = store.begin();
    read(*transaction);
    other.transact(interfere);
    transaction->set("result", "1");
    return transaction->commit();
  }

  std::shared_ptr<SimDatabase> database;
  SimStore store;
  SimStore other;
};

constexpr auto set_b = [](Transaction& transaction) { transaction.set("b", "new"); };

TEST_F(SimTest, AReadKeyThatChangedConflicts) {
  EXPECT_EQ(race([](Transaction& t) { t.get("b"); }, set_b), CommitResult::kConflict);
  EXPECT_EQ(store.begin()->get("result"), std::nullopt);
}

TEST_F(SimTest, AnUnreadKeyThatChangedDoesNotConflict) {
  EXPECT_EQ(race([](Transaction& t) { t.get("a"); }, set_b), CommitResult::kCommitted);
  EXPECT_EQ(race([](Transaction& t) { t.scan({"ba", "z"}, Read::kConflict); }, set_b), CommitResult::kCommitted);
}

TEST_F(SimTest, BlindWritesNeverConflict) {
  EXPECT_EQ(race([](Transaction& t) { t.set("b", "mine"); }, set_b), CommitResult::kCommitted);
  EXPECT_EQ(store.begin()->get("b"), "mine");
}

TEST_F(SimTest, SnapshotReadsNeverConflict) {
  EXPECT_EQ(race(
                [](Transaction& t) {
                  t.get("b", Read::kSnapshot);
                  t.scan({"a", "z"}, Read::kSnapshot);
                },
                set_b),
            CommitResult::kCommitted);
}

TEST_F(SimTest, AScannedRangeConflictsWithWhatIsInsertedIntoIt) {
  EXPECT_EQ(race([](Transaction& t) { t.scan({"a", "c"}, Read::kConflict); }, set_b), CommitResult::kConflict);
}

TEST_F(SimTest, AScannedRangeConflictsWithAClearedRangeThatTouchesIt) {
  set(store, "b", "1");
  const auto clear = [](Transaction& transaction) { transaction.clear_range({"b", "bz"}); };
  EXPECT_EQ(race([](Transaction& t) { t.scan({"a", "c"}, Read::kConflict); }, clear), CommitResult::kConflict);
  EXPECT_EQ(race([](Transaction& t) { t.get("bb"); }, clear), CommitResult::kConflict);
  EXPECT_EQ(race([](Transaction& t) { t.get("bz"); }, clear), CommitResult::kCommitted);
}

TEST_F(SimTest, AScanThatReachedItsLimitConflictsUpToTheLastKeyItReturned) {
  for (const char* key : {"a", "b", "c"}) set(store, key, "1");
  const auto two = [](Transaction& t) { EXPECT_EQ(t.scan({"a", "z"}, Read::kConflict, 2).size(), 2u); };
  const auto set_key = [](const char* key) { return [key](Transaction& t) { t.set(key, "new"); }; };
  EXPECT_EQ(race(two, set_key("bb")), CommitResult::kCommitted);
  EXPECT_EQ(race(two, set_key("c")), CommitResult::kCommitted);
  EXPECT_EQ(race(two, set_key("b")), CommitResult::kConflict);
  EXPECT_EQ(race(two, set_key("aa")), CommitResult::kConflict);
}

TEST_F(SimTest, AReadAnsweredByOwnWritesAloneDoesNotConflict) {
  EXPECT_EQ(race(
                [](Transaction& t) {
                  t.set("b", "mine");
                  t.get("b");
                },
                set_b),
            CommitResult::kCommitted);
}

TEST_F(SimTest, ATransactionSeesTheVersionOfItsFirstRead) {
  set(store, "a", "1");
  const auto transaction = store.begin();
  set(other, "a", "2");  // before the first read
  EXPECT_EQ(transaction->get("a"), "2");
  set(other, "a", "3");
  set(other, "b", "3");
  other.transact([](Transaction& t) { t.clear_range({"a", "z"}); });
  EXPECT_EQ(transaction->get("a"), "2");
  EXPECT_EQ(transaction->get("b"), std::nullopt);
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kSnapshot).size(), 1u);
}

TEST_F(SimTest, TransactRunsTheBodyAgainAfterAConflict) {
  int runs = 0;
  store.transact([&](Transaction& transaction) {
    const auto seen = transaction.get("a");
    if (++runs == 1) set(other, "a", "from the other");
    transaction.set("copy", seen.value_or("nothing"));
  });
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(store.begin()->get("copy"), "from the other");
}

TEST_F(SimTest, SizesCountKeysValuesAndConflictRanges) {
  SimStore small(std::make_shared<SimDatabase>(SimDatabase::Options{.max_transaction_bytes = 1'000}));
  set(small, "a", std::string(900, 'x'));
  EXPECT_THROW(set(small, "a", std::string(1'000, 'x')), TooLarge);
  EXPECT_THROW(small.transact([](Transaction& transaction) {
    transaction.get(std::string(300, 'k'));
    transaction.get(std::string(300, 'l'));
    transaction.set("a", "1");
  }),
               TooLarge);
  small.transact([](Transaction& transaction) {
    transaction.get(std::string(300, 'k'), Read::kSnapshot);
    transaction.get(std::string(300, 'l'), Read::kSnapshot);
    transaction.set("a", "1");
  });
  EXPECT_EQ(small.begin()->get("a"), "1");
}

TEST_F(SimTest, OldVersionsGoWithTheLastTransactionThatNeedsThem) {
  for (int i = 0; i < 100; ++i) set(store, "a", std::to_string(i));
  EXPECT_EQ(database->kept_versions(), 1u);
  {
    const auto reader = store.begin_read();
    EXPECT_EQ(reader->get("a"), "99");
    for (int i = 100; i < 200; ++i) set(other, "a", std::to_string(i));
    other.transact([](Transaction& transaction) { transaction.clear("a"); });
    EXPECT_GT(database->kept_versions(), 100u);
    EXPECT_EQ(reader->get("a"), "99");
  }
  EXPECT_EQ(database->kept_versions(), 0u);
}

TEST_F(SimTest, OneThatNeverCommitsIsGivenUpInsteadOfHanging) {
  database->hooks.fate = [](const Commit&) { return Fate::kConflict; };
  EXPECT_THROW(set(store, "a", "1"), StoreError);
}

/// A transaction of the interleaving test: what it read, and its reads repeated on another store.
struct Step {
  int kind = 0;
  std::string key;
  std::string end;
  std::size_t limit = kNoLimit;
};

std::string run_step(Transaction& transaction, const Step& step, const std::string& value) {
  switch (step.kind) {
    case 0:
      return transaction.get(step.key).value_or("-");
    case 1: {
      std::string seen;
      for (const KeyValue& row : transaction.scan({step.key, step.end}, Read::kConflict, step.limit)) {
        seen += row.key + '=' + row.value + ';';
      }
      return seen;
    }
    case 2:
      transaction.clear(step.key);
      return "";
    case 3:
      transaction.clear_range({step.key, step.end});
      return "";
    default:
      transaction.set(step.key, value);
      return "";
  }
}

struct Running {
  std::unique_ptr<Transaction> transaction;
  int number = 0;
  std::vector<Step> steps;
  std::vector<std::string> seen;
};

TEST_F(SimTest, CommittedTransactionsAreSerializableInTheOrderOfTheirCommits) {
  int conflicts = 0;
  const bool holds = rc::check("serial replay gives the same reads", [&] {
    const auto shared = std::make_shared<SimDatabase>();
    SimStore racing(shared);
    SimStore serial;
    std::vector<Running> running(static_cast<std::size_t>(*rc::gen::inRange(2, 5)));
    int started = 0;
    for (int i = 0; i < 60; ++i) {
      Running& one = running[*rc::gen::inRange<std::size_t>(0, running.size())];
      if (!one.transaction) one = {racing.begin(), ++started, {}, {}};
      const int action = *rc::gen::inRange(0, 9);
      if (action < 7) {
        const auto key = [] { return std::string(1, *rc::gen::inRange('a', 'g')); };
        one.steps.push_back({std::min(action, 4), key(), key(), *rc::gen::element<std::size_t>(1, 2, kNoLimit)});
        one.seen.push_back(run_step(*one.transaction, one.steps.back(), std::to_string(one.number)));
        continue;
      }
      const bool committed = one.transaction->commit() == CommitResult::kCommitted;
      if (!committed) ++conflicts;
      // One that only read saw its own, older version: only those that wrote have a place in the order.
      const bool wrote = std::any_of(one.steps.begin(), one.steps.end(), [](const Step& step) {
        return step.kind == 3 ? step.key < step.end : step.kind >= 2;  // to clear nothing is not to write
      });
      if (committed && wrote) {
        const auto replay = serial.begin();
        for (std::size_t step = 0; step < one.steps.size(); ++step) {
          RC_ASSERT(run_step(*replay, one.steps[step], std::to_string(one.number)) == one.seen[step]);
        }
        RC_ASSERT(replay->commit() == CommitResult::kCommitted);
      }
      one.transaction.reset();
    }
    RC_ASSERT(racing.begin()->scan({"a", "z"}, Read::kSnapshot) == serial.begin()->scan({"a", "z"}, Read::kSnapshot));
  });
  EXPECT_TRUE(holds);
  EXPECT_GT(conflicts, 0);
}

}  // namespace
}  // namespace morrow::store
