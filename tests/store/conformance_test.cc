// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/store/backends.h"

namespace morrow::store {
namespace {

using Pairs = std::vector<KeyValue>;

using Conformance = EveryBackend;
INSTANTIATE_TEST_SUITE_P(Backends, Conformance, testing::Values("lmdb", "sim"),
                         [](const auto& backend) { return backend.param; });

TEST_P(Conformance, AMissingKeyHasNoValue) { EXPECT_EQ(get("a"), std::nullopt); }

TEST_P(Conformance, ACommittedValueIsThereAndAnEmptyOneIsNotMissing) {
  set("a", "1");
  set("b", "");
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(get("b"), "");
}

TEST_P(Conformance, KeysAndValuesHoldAnyBytes) {
  const std::string key("\0\xff\x80/\0", 5);
  const std::string value("\0\0\xff", 3);
  set(key, value);
  EXPECT_EQ(get(key), value);
  EXPECT_EQ(get(key.substr(0, 4)), std::nullopt);
}

TEST_P(Conformance, AScanIsInUnsignedByteOrder) {
  for (const std::string key : {"b", "\xfe", "a", "ab", "\x01", "a\x01"}) set(key, "");
  const Pairs expected{{"\x01", ""}, {"a", ""}, {"a\x01", ""}, {"ab", ""}, {"b", ""}, {"\xfe", ""}};
  EXPECT_EQ(all(), expected);
}

TEST_P(Conformance, ARangeHoldsItsBeginAndNotItsEnd) {
  for (const std::string key : {"a", "b", "c", "d"}) set(key, key);
  const auto transaction = store().begin();
  EXPECT_EQ(transaction->scan({"b", "d"}, Read::kConflict), (Pairs{{"b", "b"}, {"c", "c"}}));
  EXPECT_EQ(transaction->scan({"b", "b"}, Read::kConflict), Pairs());
  EXPECT_EQ(transaction->scan({"d", "b"}, Read::kConflict), Pairs());
  EXPECT_EQ(transaction->scan({"bb", "cc"}, Read::kConflict), (Pairs{{"c", "c"}}));
}

TEST_P(Conformance, AScanStopsAtItsLimit) {
  for (const std::string key : {"a", "b", "c"}) set(key, "");
  const auto transaction = store().begin();
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kSnapshot, 2), (Pairs{{"a", ""}, {"b", ""}}));
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kSnapshot, 0), Pairs());
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kSnapshot, 9).size(), 3u);
}

TEST_P(Conformance, ThePrefixRangeHoldsExactlyTheKeysWithThePrefix) {
  for (const std::string key : {"a", "a\xff", "a\xff\xff", "a\xff\xff/x", "b", "a\xfe"}) set(key, "");
  const auto transaction = store().begin();
  const Pairs expected{{"a\xff\xff", ""}, {"a\xff\xff/x", ""}};
  EXPECT_EQ(transaction->scan(Range::with_prefix("a\xff\xff"), Read::kSnapshot), expected);
  EXPECT_THROW(Range::with_prefix("\xff"), StoreError);
  EXPECT_THROW(Range::with_prefix(""), StoreError);
}

TEST_P(Conformance, ATransactionReadsItsOwnWrites) {
  set("a", "old");
  set("c", "old");
  const auto transaction = store().begin();
  transaction->set("a", "new");
  transaction->set("b", "new");
  transaction->clear("c");
  EXPECT_EQ(transaction->get("a"), "new");
  EXPECT_EQ(transaction->get("b", Read::kSnapshot), "new");
  EXPECT_EQ(transaction->get("c"), std::nullopt);
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kConflict), (Pairs{{"a", "new"}, {"b", "new"}}));
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kSnapshot, 1), (Pairs{{"a", "new"}}));
}

TEST_P(Conformance, AScanSkipsWhatTheTransactionCleared) {
  for (const std::string key : {"a", "b", "c", "d", "e"}) set(key, "old");
  const auto transaction = store().begin();
  transaction->clear_range({"b", "d"});
  transaction->set("c", "new");
  EXPECT_EQ(transaction->get("b"), std::nullopt);
  const Pairs expected{{"a", "old"}, {"c", "new"}, {"d", "old"}};
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kConflict, 3), expected);
  transaction->clear_range({"c", "e"});
  ASSERT_EQ(transaction->commit(), CommitResult::kCommitted);
  EXPECT_EQ(all(), (Pairs{{"a", "old"}, {"e", "old"}}));
}

TEST_P(Conformance, ClearingWhatIsNotThereIsNoError) {
  set("b", "1");
  store().transact([](Transaction& transaction) {
    transaction.clear("a");
    transaction.clear_range({"c", "d"});
    transaction.clear_range({"d", "a"});
  });
  EXPECT_EQ(all(), (Pairs{{"b", "1"}}));
}

TEST_P(Conformance, ClearRangeRemovesManyKeys) {
  store().transact([](Transaction& transaction) {
    for (int i = 0; i < 5'000; ++i) transaction.set("row/" + std::to_string(i), std::string(50, 'x'));
    transaction.set("rox", "stays");
  });
  store().transact([](Transaction& transaction) { transaction.clear_range(Range::with_prefix("row/")); });
  EXPECT_EQ(all(), (Pairs{{"rox", "stays"}}));
}

TEST_P(Conformance, WithoutCommitNothingIsLeft) {
  {
    const auto transaction = store().begin();
    transaction->set("a", "1");
  }
  EXPECT_EQ(all(), Pairs());
}

TEST_P(Conformance, AReadTransactionSeesOneVersionWhileOthersCommit) {
  set("a", "1");
  const auto reader = store().begin_read();
  EXPECT_EQ(reader->get("a"), "1");
  store().transact([](Transaction& transaction) {
    transaction.set("a", "2");
    transaction.set("b", "2");
  });
  EXPECT_EQ(reader->get("a"), "1");
  EXPECT_EQ(reader->scan({"a", "z"}, Read::kConflict), (Pairs{{"a", "1"}}));
  EXPECT_EQ(reader->commit(), CommitResult::kCommitted);
  EXPECT_EQ(get("a"), "2");
}

TEST_P(Conformance, AReadTransactionNeitherWaitsForAWriterNorSeesIt) {
  set("a", "1");
  const auto writer = store().begin();
  writer->set("a", "2");
  const auto reader = store().begin_read();
  EXPECT_EQ(reader->get("a"), "1");
  EXPECT_EQ(writer->commit(), CommitResult::kCommitted);
  EXPECT_EQ(reader->get("a"), "1");
}

TEST_P(Conformance, AReadTransactionRefusesToWrite) {
  const auto reader = store().begin_read();
  EXPECT_THROW(reader->set("a", "1"), StoreError);
  EXPECT_THROW(store().begin_read()->clear("a"), StoreError);
  EXPECT_THROW(store().begin_read()->clear_range({"a", "b"}), StoreError);
}

TEST_P(Conformance, ATransactionThatOnlyReadsAlwaysCommits) {
  set("a", "1");
  const auto transaction = store().begin();
  EXPECT_EQ(transaction->get("a"), "1");
  EXPECT_EQ(transaction->commit(), CommitResult::kCommitted);
  EXPECT_EQ(store().begin()->commit(), CommitResult::kCommitted);
}

TEST_P(Conformance, AnEndedTransactionRefusesMore) {
  const auto transaction = store().begin();
  transaction->set("a", "1");
  ASSERT_EQ(transaction->commit(), CommitResult::kCommitted);
  EXPECT_THROW(transaction->get("a"), StoreError);
  EXPECT_THROW(transaction->set("a", "2"), StoreError);
  EXPECT_THROW(transaction->commit(), StoreError);
  EXPECT_EQ(get("a"), "1");
}

TEST_P(Conformance, PrefetchChangesNothingThatIsRead) {
  set("a", "1");
  const auto transaction = store().begin();
  const std::vector<std::string> keys{"a", "b"};
  const std::vector<Range> ranges{{"a", "z"}};
  transaction->prefetch(keys, ranges);
  EXPECT_EQ(transaction->get("a"), "1");
  EXPECT_EQ(transaction->scan({"a", "z"}, Read::kConflict), (Pairs{{"a", "1"}}));
}

TEST_P(Conformance, AnExceptionInTheBodyLeavesNothingAndTheStoreGoesOn) {
  EXPECT_THROW(store().transact([](Transaction& transaction) {
    transaction.set("a", "1");
    throw std::out_of_range("row 7");
  }),
               std::out_of_range);
  EXPECT_EQ(get("a"), std::nullopt);
  set("a", "2");
  EXPECT_EQ(get("a"), "2");
}

// Keys of 500 bytes fit every backend; 511 is the most that LMDB takes.
TEST_P(Conformance, KeysOf500BytesAndValuesOf100kBFit) {
  const std::string key(500, 'k');
  const std::string value(kMaxValueBytes, 'v');
  set(key, value);
  EXPECT_EQ(get(key), value);
}

TEST_P(Conformance, WhatIsTooLargeThrowsAndTheStoreGoesOn) {
  set("a", "1");
  const auto try_body = [&](const std::function<void(Transaction&)>& body) {
    EXPECT_THROW(store().transact([&](Transaction& transaction) {
      transaction.set("a", "2");
      body(transaction);
    }),
                 TooLarge);
    EXPECT_EQ(get("a"), "1");
    EXPECT_EQ(all().size(), 1u);
  };
  try_body([](Transaction& transaction) { transaction.set(std::string(kMaxKeyBytes + 1, 'k'), ""); });
  try_body([](Transaction& transaction) { transaction.set("b", std::string(kMaxValueBytes + 1, 'v')); });
  try_body([](Transaction& transaction) {
    for (int i = 0; i < 101; ++i) transaction.set(std::to_string(i), std::string(kMaxValueBytes, 'v'));
  });
  set("a", "3");
  EXPECT_EQ(get("a"), "3");
}

TEST_P(Conformance, AFailedWriteCannotBeCommittedAllTheSame) {
  const auto transaction = store().begin();
  transaction->set("a", "1");
  EXPECT_THROW(transaction->set("b", std::string(kMaxValueBytes + 1, 'v')), TooLarge);
  EXPECT_THROW(transaction->commit(), StoreError);
  EXPECT_EQ(all(), Pairs());
}

TEST_P(Conformance, AnEmptyKeyIsRefusedAndNeverFound) {
  EXPECT_THROW(set("", "1"), StoreError);
  const auto transaction = store().begin();
  EXPECT_EQ(transaction->get(""), std::nullopt);
  transaction->clear("");
  EXPECT_EQ(transaction->commit(), CommitResult::kCommitted);
}

TEST_P(Conformance, LongKeysThatCannotBeThereAreJustMissing) {
  set("k", "1");
  const std::string key(5'000, 'k');
  const auto transaction = store().begin();
  EXPECT_EQ(transaction->get(key), std::nullopt);
  EXPECT_EQ(transaction->scan({key, "l"}, Read::kSnapshot), Pairs());
  transaction->clear(key);
  EXPECT_EQ(transaction->commit(), CommitResult::kCommitted);
  EXPECT_EQ(get("k"), "1");
}

TEST_P(Conformance, ReadModifyWriteLosesNothing) {
  for (int i = 0; i < 100; ++i) {
    store().transact([](Transaction& transaction) {
      const auto count = transaction.get("count");
      transaction.set("count", std::to_string(count ? std::stoi(*count) + 1 : 1));
    });
  }
  EXPECT_EQ(get("count"), "100");
}

TEST_P(Conformance, AClosedStoreOpensWithAllThatWasCommitted) {
  if (!is_lmdb()) GTEST_SKIP() << "sim: ends with its process";
  set("a", "1");
  close();
  open();
  EXPECT_EQ(get("a"), "1");
}

}  // namespace
}  // namespace morrow::store
