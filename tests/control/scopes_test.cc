// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class ScopesTest : public ControlTest {
 protected:
  ScopesTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }
  const FutureId parent{10, 1};
  const FutureId child{100, 1};  // submitted by claim 100 of `parent`

  void start_parent_with_child() {
    one(1, submit(driver(10), parent, 100));
    EXPECT_EQ(one(1, submit(execution(parent, 100), child, 101)).verdict, Verdict::kClaimed);
  }
};

TEST_F(ScopesTest, AnEndedScopeLeavesNoKey) {
  const auto before = keys_now();
  one(1, op::OpenScope{driver(10), 20, 10});
  for (std::uint64_t i = 1; i <= 300; ++i) one(1, submit(driver(10), {20, i}, i % 2 == 0 ? 0 : 1000 + i));
  one(2, op::Await{{20, 7}});
  const RoundResult ended = run(1, {op::EndScope{driver(10), 20}});
  EXPECT_EQ(ended.endings, std::vector<ScopeId>{20});
  EXPECT_EQ(one(1, submit(driver(10), {20, 301}, 7)).verdict, Verdict::kAbsent);
  work_off(2);
  const auto told = drain(2);
  ASSERT_EQ(told.ended.size(), 1U);
  EXPECT_EQ(told.ended[0].outcome->failure, FailureKind::kReleased);
  EXPECT_EQ(drain(1).cancelled.size(), 150U);
  std::vector<std::string> after;
  for (const std::string& key : keys_now()) {
    if (key[0] != 'w') after.push_back(key);
  }
  std::vector<std::string> expected;
  for (const std::string& key : before) {
    if (key[0] != 'w') expected.push_back(key);
  }
  EXPECT_EQ(after, expected);
}

TEST_F(ScopesTest, NestedScopesEndBeforeTheirParent) {
  one(1, op::OpenScope{driver(10), 20, 10});
  one(1, op::OpenScope{driver(10), 30, 20});
  one(1, submit(driver(10), {30, 1}, 100));
  one(1, op::EndScope{driver(10), 20});
  work_off(1);
  EXPECT_EQ(count(store).scopes, 1U);
  EXPECT_TRUE(count(store).futures.empty());
}

TEST_F(ScopesTest, AnEmptyScopeEndsInTheSameTransaction) {
  one(1, op::OpenScope{driver(10), 20, 10});
  EXPECT_TRUE(run(1, {op::EndScope{driver(10), 20}}).endings.empty());
  EXPECT_EQ(count(store).scopes, 1U);
  EXPECT_EQ(one(1, op::EndScope{driver(10), 20}).verdict, Verdict::kAbsent);
}

TEST_F(ScopesTest, AResultWithoutFuturesFreesWhatItsTaskSubmitted) {
  start_parent_with_child();
  EXPECT_EQ(run(1, {end(parent, 100, value("3"))}).endings, std::vector<ScopeId>{100});
  work_off(1);
  EXPECT_EQ(look(2, child), Verdict::kAbsent);
  EXPECT_EQ(look(2, parent), Verdict::kFinished);
  EXPECT_EQ(drain(1).cancelled.size(), 1U);
}

TEST_F(ScopesTest, AResultThatMayHoldFuturesKeepsThemUntilItsOwnScopeEnds) {
  start_parent_with_child();
  EXPECT_TRUE(run(1, {end(parent, 100, value("handle"), true)}).endings.empty());
  one(1, end(child, 101, value("c")));
  EXPECT_EQ(one(2, op::Await{child}).outcome->bytes, "c");
  one(1, end_session(10));
  work_off(1);
  EXPECT_TRUE(left_keys().empty());
}

TEST_F(ScopesTest, AnAdoptedScopeThatIsEmptyGoesWithItsFuture) {
  start_parent_with_child();
  one(1, end(parent, 100, value("handle"), true));
  one(1, end(child, 101, value("c")));
  EXPECT_EQ(count(store).scopes, 2U);
  one(1, op::Release{driver(10), child});
  one(1, op::Release{driver(10), parent});
  EXPECT_EQ(count(store).scopes, 1U);
}

TEST_F(ScopesTest, AFailedAttemptFreesWhatItSubmittedBeforeTheNextSubmits) {
  start_parent_with_child();
  one(1, end(parent, 100, failure(FailureKind::kCrash), false, 102));
  EXPECT_EQ(one(1, submit(execution(parent, 100), {100, 2}, 103)).verdict, Verdict::kStale);
  EXPECT_EQ(one(1, submit(execution(parent, 102), {102, 1}, 104)).verdict, Verdict::kClaimed);
  work_off(1);
  EXPECT_EQ(look(1, child), Verdict::kAbsent);
  EXPECT_EQ(look(1, {102, 1}), Verdict::kDone);
}

TEST_F(ScopesTest, ParentChildrenAndEndFitInOneRound) {
  const RoundResult result =
      run(1, {submit(driver(10), parent, 100), submit(execution(parent, 100), child, 101), end(child, 101, value("c")),
              op::Release{execution(parent, 100), child}, end(parent, 100, value("p"))});
  EXPECT_EQ(result.commits, 1U);
  for (const OpResult& one : result.results)
    EXPECT_TRUE(one.verdict == Verdict::kFinished || one.verdict == Verdict::kClaimed || one.verdict == Verdict::kDone);
  EXPECT_TRUE(result.endings.empty());
  EXPECT_EQ(count(store).scopes, 1U);
}

TEST_F(ScopesTest, ASubmitThatRacesTheEndOfItsScopeIsRefusedOrFreed) {
  for (int at = 1; at < 14; ++at) {
    const ScopeId scope = 1000 + static_cast<ScopeId>(at);
    one(1, op::OpenScope{driver(10), scope, 10});
    one(1, submit(driver(10), {scope, 1}, 5));
    store::SimStore other(database);
    int reads = 0;
    Origin kept = driver(10);
    database->hooks.step = [&] {
      if (++reads != at) return;
      op::EndScope ending;
      ending.scope = scope;
      Committer(other, 2).run(Round{2, {ending}});
      while (ending_step(other, 2, scope)) {
      }
    };
    one(1, submit(kept, {scope, 2}, 6));
    database->hooks.step = nullptr;
    work_off(1);
    if (reads < at) continue;
    EXPECT_EQ(look(1, {scope, 2}), Verdict::kAbsent);
  }
}

TEST_F(ScopesTest, ADependentOutsideAnEndedScopeFails) {
  one(1, op::OpenScope{driver(10), 20, 10});
  one(1, submit(driver(10), {20, 1}, 100));
  one(1, end({20, 1}, 100, value("v")));
  one(1, submit(driver(10), {10, 5}, 0, make_spec({{20, 1}})));
  one(1, submit(driver(10), {20, 2}, 101));
  one(1, submit(driver(10), {10, 6}, 0, make_spec({{20, 2}})));
  one(1, op::EndScope{driver(10), 20});
  work_off(1);
  for (const std::uint64_t sequence : {5, 6}) {
    const OpResult looked = one(1, op::Await{{10, sequence}});
    ASSERT_EQ(looked.verdict, Verdict::kFinished);
    EXPECT_EQ(looked.outcome->root.scope, 20U);
  }
}

TEST_F(ScopesTest, TheEndOfAScopeGoesOnAfterItsWorkerDies) {
  one(1, op::OpenScope{driver(10), 20, 10});
  for (std::uint64_t i = 1; i <= 100; ++i) one(1, submit(driver(10), {20, i}, 1000 + i));
  one(1, op::EndScope{driver(10), 20});
  EXPECT_TRUE(ending_step(store, 2, 20));
  EXPECT_TRUE(ending_step(store, 2, 20));
  leave(store, 2);
  EXPECT_FALSE(ending_step(store, 2, 20));
  work_off(1);
  EXPECT_EQ(count(store).scopes, 1U);
}

}  // namespace
}  // namespace morrow::control
