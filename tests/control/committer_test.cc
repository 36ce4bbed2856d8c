// SPDX-License-Identifier: Apache-2.0
#include "tests/control/world.h"

namespace morrow::control {
namespace {

class CommitterTest : public ControlTest {
 protected:
  CommitterTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }
};

TEST_F(CommitterTest, ARoundIsAppliedOnceWhateverHappensToItsCommit) {
  std::uint64_t sequence = 0;
  for (const store::Fate fate :
       {store::Fate::kNormal, store::Fate::kConflict, store::Fate::kUnknownApplied, store::Fate::kUnknownNotApplied}) {
    Committer committer(store, 1);
    int commits = 0;
    std::vector<Op> ops;
    for (std::uint64_t i = 0; i < 4; ++i) ops.emplace_back(submit(driver(10), {10, ++sequence}, 100 + sequence));
    database->hooks.fate = [&](const store::Commit&) { return ++commits == 1 ? fate : store::Fate::kNormal; };
    const RoundResult result = committer.run(Round{1, ops});
    database->hooks.fate = nullptr;
    ASSERT_EQ(result.results.size(), 4U);
    for (const OpResult& one : result.results) EXPECT_EQ(one.verdict, Verdict::kClaimed);
  }
}

TEST_F(CommitterTest, ADrainWhoseAnswerWasLostGivesItsItems) {
  one(1, submit(driver(10), {10, 1}, 100));
  one(2, op::Await{{10, 1}});
  one(1, end({10, 1}, 100, value("v")));
  int commits = 0;
  database->hooks.fate = [&](const store::Commit&) {
    return ++commits == 1 ? store::Fate::kUnknownApplied : store::Fate::kNormal;
  };
  EXPECT_EQ(drain(2).ended.size(), 1U);
}

TEST_F(CommitterTest, ACommitThatLandsLateIsNotDoneTwice) {
  int commits = 0;
  int steps = 0;
  database->hooks.fate = [&](const store::Commit&) {
    return ++commits == 1 ? store::Fate::kUnknownLater : store::Fate::kNormal;
  };
  for (int at = 1; at < 8; ++at) {
    commits = 0;
    steps = 0;
    bool armed = false;
    database->hooks.step = [&] {
      armed = armed || database->in_flight() > 0;
      if (armed && ++steps == at && database->in_flight() > 0) database->land(0);
    };
    const FutureId id{10, static_cast<std::uint64_t>(at)};
    const RoundResult result = run(1, {submit(driver(10), id, 100)});
    database->hooks.step = nullptr;
    while (database->in_flight() > 0) database->land(0);
    ASSERT_EQ(result.results.size(), 1U);
    EXPECT_EQ(result.results[0].verdict, Verdict::kClaimed) << "at step " << at;
  }
  database->hooks.fate = nullptr;
}

TEST_F(CommitterTest, AConflictSplitsTheRoundAndEveryOperationIsDoneInOrder) {
  int conflicts = 3;
  database->hooks.fate = [&](const store::Commit&) {
    return conflicts-- > 0 ? store::Fate::kConflict : store::Fate::kNormal;
  };
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 8; ++i) ops.emplace_back(submit(driver(10), {10, i}, 100 + i));
  const RoundResult result = run(1, ops);
  EXPECT_GT(result.commits, 1U);
  EXPECT_EQ(result.conflicts, 3U);
  ASSERT_EQ(result.results.size(), 8U);
  for (std::uint64_t i = 1; i <= 8; ++i) EXPECT_EQ(result.results[i - 1].runnable.id.sequence, i);
}

/// The answer to its first commit is lost; from then on there is room for deletions only.
class LostAnswerTest : public CommitterTest, public testing::WithParamInterface<store::Fate> {
 protected:
  RoundResult run_without_room(Committer& committer, const Round& round) {
    database->hooks.fate = [this](const store::Commit&) {
      return std::exchange(lost_, true) ? store::Fate::kNormal : GetParam();
    };
    database->hooks.full = [this](store::Room room) { return lost_ && room != store::Room::kFree; };
    RoundResult result = committer.run(round);
    database->hooks.fate = nullptr;
    return result;
  }

 private:
  bool lost_ = false;
};

TEST_P(LostAnswerTest, IsSettledThoughThereIsNoRoomAndHoldsUpNothing) {
  Committer committer(store, 1);
  const Round round{1, {submit(driver(10), {10, 1}, 101), submit(driver(10), {10, 2}, 102)}};
  const RoundResult result = run_without_room(committer, round);
  const bool landed = GetParam() == store::Fate::kUnknownApplied;
  EXPECT_EQ(result.results.size(), landed ? 2U : 0U);
  EXPECT_EQ(result.full.empty(), landed);

  Round deletion{1, {op::Release{{}, {10, 9}}}};
  deletion.room = store::Room::kFree;
  EXPECT_EQ(committer.run(deletion).results.size(), 1U) << "what needs no room goes on";
  while (database->in_flight() > 0) EXPECT_EQ(database->land(0), store::CommitResult::kConflict);

  database->hooks.full = nullptr;
  if (landed) return;
  const RoundResult again = committer.run(round);
  ASSERT_EQ(again.results.size(), 2U);
  for (const OpResult& one : again.results)
    EXPECT_EQ(one.verdict, Verdict::kClaimed) << "none of it was applied before";
}

INSTANTIATE_TEST_SUITE_P(Each, LostAnswerTest,
                         testing::Values(store::Fate::kUnknownApplied, store::Fate::kUnknownNotApplied,
                                         store::Fate::kUnknownLater));

TEST_F(CommitterTest, ARoundGoesOnWhereTheStoreFailed) {
  // Each of its commits meets conflicts, a lost answer and a store that is out of reach, in all orders.
  const std::vector<store::Fate> fates{store::Fate::kNormal, store::Fate::kConflict, store::Fate::kUnknownApplied,
                                       store::Fate::kUnknownNotApplied, store::Fate::kFail};
  std::uint64_t sequence = 0;
  for (std::size_t order = 0; order < 625; ++order) {
    std::size_t left = order;
    int commits = 0;
    database->hooks.fate = [&](const store::Commit&) {
      if (++commits > 4) return store::Fate::kNormal;
      return fates[std::exchange(left, left / fates.size()) % fates.size()];
    };
    Round round{1, {}};
    for (int i = 0; i < 3; ++i) {
      const std::uint64_t number = ++sequence;
      round.ops.emplace_back(submit(driver(10), {10, number}, 10'000 + number));
    }
    Committer committer(store, 1);
    std::optional<RoundResult> result;
    while (!result) {
      try {
        result = committer.run(round);
      } catch (const store::StoreError&) {
      }
    }
    database->hooks.fate = nullptr;
    ASSERT_EQ(result->results.size(), 3U);
    for (const OpResult& one : result->results) ASSERT_EQ(one.verdict, Verdict::kClaimed) << "order " << order;
  }
}

TEST_F(CommitterTest, ARoundLargerThanATransactionIsSplit) {
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 40; ++i) {
    op::Submit ended = submit(driver(10), {10, i});
    ended.how = op::Submit::How::kEnded;
    ended.outcome = value(std::string(60'000, 'x'));
    ops.emplace_back(ended);
  }
  const RoundResult result = run(1, ops);
  EXPECT_EQ(result.results.size(), 40U);
  EXPECT_GE(result.commits, 3U);
}

TEST_F(CommitterTest, AnEmptyRoundIsAHeartbeat) {
  const auto round = [&] { return workers(store).at(0).round; };
  const std::uint64_t before = round();
  run(1, {});
  EXPECT_GT(round(), before);
}

TEST_F(CommitterTest, ANewCommitterOfTheSameIncarnationGoesOnCounting) {
  run(1, {});
  EXPECT_EQ(run(1, {submit(driver(10), {10, 1}, 100)}).results.at(0).verdict, Verdict::kClaimed);
}

TEST_F(CommitterTest, ARoundThatFindsNoRoomSaysHowFarItCameAndLeavesNothingOfTheRest) {
  Committer committer(store, 1);
  std::vector<Op> ops;
  for (std::uint64_t i = 1; i <= 1'500; ++i) ops.emplace_back(submit(driver(10), {10, i}, 100 + i));
  int asked = 0;
  database->hooks.full = [&](store::Room room) { return room == store::Room::kNew && ++asked == 2; };
  RoundResult result = committer.run(Round{1, ops});
  EXPECT_FALSE(result.full.empty());
  const std::size_t committed = result.results.size();
  EXPECT_GT(committed, 0U);
  EXPECT_LT(committed, ops.size());
  // What is left, as another round.
  ops.erase(ops.begin(), ops.begin() + static_cast<std::ptrdiff_t>(committed));
  result = committer.run(Round{1, ops});
  EXPECT_TRUE(result.full.empty());
  ASSERT_EQ(result.results.size(), ops.size());
  for (const OpResult& one : result.results) EXPECT_EQ(one.verdict, Verdict::kClaimed);
}

TEST_F(CommitterTest, AnEarlyReleaseUsesUpNoNumber) {
  op::Submit first = submit(driver(10), {10, 1}, 100);
  one(1, first);
  one(1, end({10, 1}, 100, value("v")));
  op::Release early;
  early.origin = driver(10);
  early.origin.early = true;
  early.id = {10, 1};
  EXPECT_EQ(one(1, early).verdict, Verdict::kDone);
  early.origin.early = false;
  EXPECT_EQ(one(1, early).verdict, Verdict::kAbsent) << "its turn comes, and nothing is left to do";
}

}  // namespace
}  // namespace morrow::control
