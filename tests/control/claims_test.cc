// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "tests/control/world.h"

namespace morrow::control {
namespace {

class ClaimsTest : public ControlTest {
 protected:
  ClaimsTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }

  void index(std::uint64_t from, std::uint64_t to, std::uint64_t cpu_micro = 1'000'000) {
    std::vector<Op> ops;
    for (std::uint64_t i = from; i <= to; ++i)
      ops.emplace_back(submit(driver(10), {10, i}, 0, make_spec({}, cpu_micro)));
    EXPECT_TRUE(run(1, ops).indexed);
  }
};

TEST_F(ClaimsTest, OnlyWhatFitsIsTaken) {
  index(1, 3);
  const ClaimResult taken = claim_some(2, {200, 201, 202}, 2'500'000);
  EXPECT_EQ(taken.taken.size(), 2U);
  EXPECT_FALSE(taken.more);
  EXPECT_TRUE(claim_some(2, {203}, 500'000).taken.empty());
  EXPECT_EQ(claim_some(2, {204}).taken.size(), 1U);
}

TEST_F(ClaimsTest, AnEntryOfTheIndexThatNoFutureKnowsIsNoWork) {
  database->hooks.committed = {};  // no valid store has it
  index(1, 1);
  std::string key;
  store.transact([&](store::Transaction& transaction) {
    key = transaction.scan(keys::index(), store::Read::kSnapshot, 1).at(0).key;
  });
  ASSERT_EQ(claim_some(2, {200}).taken.size(), 1U);
  store.transact([&](store::Transaction& transaction) { transaction.set(key, ""); });
  EXPECT_TRUE(claim_some(2, {201}).taken.empty());
}

TEST_F(ClaimsTest, ShapesAreFoundWithoutRecordsOfTheirOwn) {
  index(1, 2, 4'000'000);
  index(3, 4, 500'000);
  const auto shapes = index_shapes(store);
  ASSERT_EQ(shapes.size(), 2U);
  EXPECT_EQ(shapes[0].count + shapes[1].count, 4U);
  EXPECT_EQ(shapes[0].first_spec->name, "task");
  EXPECT_EQ(claim_some(2, {200, 201, 202}, 1'000'000).taken.size(), 2U);
  ASSERT_EQ(index_shapes(store).size(), 1U);
  EXPECT_EQ(index_shapes(store)[0].requirements.cpu_micro, 4'000'000U);
}

/// As a worker asks where "program" does not start, and one with two cpus may be able to start it.
ClaimRequest leaving(std::uint32_t at_most) {
  LeftToOthers left{make_spec()->program, at_most, {Resources{2'000'000, 0, 0, {}}}};
  ClaimRequest request;
  request.incarnation = 2;
  request.free.cpu_micro = 100'000'000;
  request.limit = 10;
  for (Claim claim = 200; claim < 210; ++claim) request.claims.push_back(claim);
  request.left.push_back(std::move(left));
  return request;
}

SpecPtr spec_of(const std::string& program, std::uint64_t cpu_micro = 1'000'000) {
  auto spec = std::make_shared<Spec>(*make_spec({}, cpu_micro));
  spec->program = program;
  return spec;
}

TEST_F(ClaimsTest, WhatIsLeftToOthersIsTakenOnlyToTryIt) {
  index(1, 5);
  const Resources total{100'000'000, 0, 0, {}};
  const ClaimResult none = claim_once(store, leaving(0), total);
  EXPECT_TRUE(none.taken.empty());
  EXPECT_FALSE(none.more) << "it would look again at once, for ever";
  EXPECT_FALSE(set_idle(store, 2, true, total, leaving(0).left)) << "the same";
  EXPECT_TRUE(set_idle(store, 2, true, total, {}));
  const ClaimResult one_to_try = claim_once(store, leaving(1), total);
  EXPECT_EQ(one_to_try.taken.size(), 1U);
  EXPECT_FALSE(one_to_try.more);
  EXPECT_EQ(claim_some(1, {101, 102, 103, 104, 105}, 5'000'000).taken.size(), 4U) << "others take the rest";
}

TEST_F(ClaimsTest, WhatNoOtherCouldRunIsNotLeftToThem) {
  index(1, 1, 1'000'000);
  index(2, 2, 8'000'000);
  const ClaimResult taken = claim_once(store, leaving(0), Resources{100'000'000, 0, 0, {}});
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].id.sequence, 2U);
}

TEST_F(ClaimsTest, WhatIsLeftToOthersHidesNothingBehindIt) {
  index(1, 300);
  for (std::uint64_t i = 301; i <= 303; ++i) run(1, {submit(driver(10), {10, i}, 0, spec_of("another"))});
  const Resources total{100'000'000, 0, 0, {}};
  EXPECT_EQ(claim_once(store, leaving(0), total).taken.size(), 3U);
}

TEST_F(ClaimsTest, WhatIsAskedForByIdIsLeftToOthersToo) {
  index(1, 1);
  ClaimRequest request = leaving(0);
  request.by_id.push_back({10, 1});
  const ClaimResult result = claim_once(store, request, Resources{100'000'000, 0, 0, {}});
  EXPECT_TRUE(result.taken.empty());
  EXPECT_EQ(result.failed, (std::vector<FutureId>{{10, 1}}));
}

TEST_F(ClaimsTest, TheOwnShardIsTakenOldestFirst) {
  index(1, 10);
  for (std::uint64_t i = 1; i <= 10; ++i) {
    const ClaimResult taken = claim_some(1, {100 + i});
    ASSERT_EQ(taken.taken.size(), 1U);
    EXPECT_EQ(taken.taken[0].id.sequence, i);
  }
}

TEST_F(ClaimsTest, AheadTakesMoreOfTheSameShapeBeyondWhatIsFree) {
  index(1, 5);
  index(6, 6, 100);
  ClaimRequest request;
  request.incarnation = 2;
  request.free.cpu_micro = 1'000'000;
  request.limit = 1;
  request.ahead = 2;
  request.claims = {200, 201, 202};
  Resources total;
  total.cpu_micro = 2'000'000;
  const ClaimResult taken = claim_once(store, request, total);
  ASSERT_GE(taken.taken.size(), 1U);
  for (const Runnable& one : taken.taken) EXPECT_EQ(one.spec->requirements, taken.taken[0].spec->requirements);
}

TEST_F(ClaimsTest, AnAwaitedFutureIsTakenByItsId) {
  index(1, 5);
  ClaimRequest request;
  request.incarnation = 2;
  request.limit = 0;
  request.claims = {200, 201};
  request.by_id = {{10, 4}, {10, 77}};
  Resources total;
  total.cpu_micro = 2'000'000;
  const ClaimResult taken = claim_once(store, request, total);
  ASSERT_EQ(taken.taken.size(), 1U);
  EXPECT_EQ(taken.taken[0].id, (FutureId{10, 4}));
  EXPECT_EQ(taken.failed, (std::vector<FutureId>{{10, 77}}));
}

TEST_F(ClaimsTest, TwoWorkersNeverTakeTheSame) {
  index(1, 40);
  store::SimStore other(database);
  std::set<FutureId> by_one;
  std::set<FutureId> by_two;
  Claim next = 1000;
  Resources total;
  total.cpu_micro = 2'000'000;
  for (int at = 1; at < 15; ++at) {
    int reads = 0;
    database->hooks.step = [&] {
      if (++reads != at) return;
      ClaimRequest request;
      request.incarnation = 1;
      request.free = total;
      request.claims = {++next};
      for (const Runnable& one : claim_once(other, request, total).taken) by_one.insert(one.id);
    };
    ClaimRequest request;
    request.incarnation = 2;
    request.free = total;
    request.claims = {++next};
    for (const Runnable& one : claim_once(store, request, total).taken) by_two.insert(one.id);
    database->hooks.step = nullptr;
  }
  EXPECT_FALSE(by_two.empty());
  for (const FutureId& id : by_one) EXPECT_FALSE(by_two.contains(id));
}

TEST_F(ClaimsTest, AClaimWhoseAnswerWasLostBeforeTheStoreFailedGivesWhatItTook) {
  index(1, 5);
  ClaimRequest request;
  request.incarnation = 2;
  request.free.cpu_micro = 2'000'000;
  request.limit = 2;
  request.claims = {200, 201};
  Resources total;
  total.cpu_micro = 2'000'000;
  bool lost = false;
  database->hooks.fate = [&](const store::Commit&) {
    lost = true;
    return store::Fate::kUnknownApplied;
  };
  database->hooks.step = [&] {
    if (lost) throw store::StoreError("The store is out of reach.");
  };
  ClaimTries tries;
  EXPECT_THROW(claim(store, request, total, tries), store::StoreError);
  database->hooks.fate = nullptr;
  database->hooks.step = nullptr;
  const ClaimResult taken = claim(store, request, total, tries);
  ASSERT_EQ(taken.taken.size(), 2U);
  EXPECT_EQ(std::set<Claim>({taken.taken[0].claim, taken.taken[1].claim}), (std::set<Claim>{200, 201}));
}

TEST_F(ClaimsTest, AClaimWhoseAnswerWasLostIsNotLostAndNotTakenTwice) {
  index(1, 5);
  for (const store::Fate fate :
       {store::Fate::kUnknownApplied, store::Fate::kUnknownNotApplied, store::Fate::kConflict}) {
    int commits = 0;
    database->hooks.fate = [&](const store::Commit&) { return ++commits == 1 ? fate : store::Fate::kNormal; };
    const Claim claim = 500 + static_cast<Claim>(fate);
    const ClaimResult taken = claim_some(2, {claim});
    database->hooks.fate = nullptr;
    ASSERT_EQ(taken.taken.size(), 1U);
    EXPECT_EQ(one(2, end(taken.taken[0].id, claim, value("v"))).verdict, Verdict::kFinished);
  }
  EXPECT_EQ(count(store).futures.at(Status::kReady), 2U);
}

TEST_F(ClaimsTest, AnIdleWorkerIsWokenByWorkThatFits) {
  Resources free;
  free.cpu_micro = 1'000'000;
  EXPECT_FALSE(set_idle(store, 2, true, free));
  int signals = 0;
  const auto watch = store.watch(signal_key(2), [&] { ++signals; });
  index(1, 1, 4'000'000);
  wake_idle(store, 1, 10);
  EXPECT_EQ(signals, 0);
  index(2, 2);
  wake_idle(store, 1, 10);
  EXPECT_EQ(signals, 1);
  EXPECT_TRUE(set_idle(store, 2, false, free));
  for (const WorkerSeen& seen : workers(store)) EXPECT_FALSE(seen.idle);
}

TEST_F(ClaimsTest, AWorkerThatBecomesIdleSeesWhatWasLeftBefore) {
  Resources free;
  free.cpu_micro = 1'000'000;
  index(1, 1);
  EXPECT_TRUE(set_idle(store, 2, true, free));
}

}  // namespace
}  // namespace morrow::control
