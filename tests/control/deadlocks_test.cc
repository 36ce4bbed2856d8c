// SPDX-License-Identifier: Apache-2.0
#include "control/deadlocks.h"

#include <algorithm>

#include "tests/control/world.h"

namespace morrow::control {
namespace {

class DeadlocksTest : public ControlTest {
 protected:
  DeadlocksTest() {
    join_worker(1);
    join_worker(2);
    open_session(1, 10);
  }

  static SpecPtr named(const std::string& name, std::vector<FutureId> dependencies = {}, Resources needs = {}) {
    auto spec = std::make_shared<Spec>(*make_spec(std::move(dependencies)));
    spec->name = name;
    spec->requirements = std::move(needs);
    return spec;
  }
  static Resources gpus(std::uint64_t micro) { return Resources{0, 0, micro, {}}; }

  void claimed(Incarnation worker, FutureId id, Claim claim, const std::string& name) {
    one(1, submit(driver(10), id, worker == 1 ? claim : 0, named(name)));
    if (worker == 1) return;
    EXPECT_EQ(claim_some(worker, {claim}).taken.size(), 1U);
  }
  static LongWait wait(FutureId id, Claim claim, std::vector<FutureId> futures, std::uint32_t need = 0) {
    if (need == 0) need = static_cast<std::uint32_t>(futures.size());
    return {id, claim, std::move(futures), need, {}};
  }
  EndedDeadlocks look(Incarnation self = 1) {
    EndedDeadlocks ended = end_deadlocks(store, self, [](const std::string& sentence, const Spec&) {
      return failure(FailureKind::kDeadlock, sentence);
    });
    work_off(self);
    return ended;
  }
  OutcomePtr outcome(FutureId id) { return one(1, op::Await{id}).outcome; }
  bool failed(FutureId id) {
    const OutcomePtr how = outcome(id);
    return how && how->failure == FailureKind::kDeadlock;
  }
  void join_with_gpus(Incarnation incarnation, std::uint64_t micro) {
    WorkerInfo info;
    info.incarnation = incarnation;
    info.name = "gpus";
    info.total = Resources{2'000'000, 0, micro, {}};
    join(store, info);
  }

  const FutureId a{10, 1};
  const FutureId b{10, 2};
  const FutureId c{10, 3};
  const FutureId d{10, 4};
};

TEST_F(DeadlocksTest, ATaskThatWaitsForItselfFails) {
  claimed(1, a, 100, "alone");
  note_long_waits(store, 1, {wait(a, 100, {a})});
  EXPECT_EQ(look().sentences.size(), 1U);
  EXPECT_TRUE(failed(a));
  EXPECT_NE(outcome(a)->bytes.find("alone (000000000000000a/1) waits for itself"), std::string::npos)
      << outcome(a)->bytes;
  EXPECT_EQ(drain(1).cancelled, (std::vector<std::pair<FutureId, Claim>>{{a, 100}})) << "its worker is told";
}

TEST_F(DeadlocksTest, ACircleOverWorkersFailsAsAWholeAndIsSpelledOut) {
  claimed(1, a, 100, "A");
  claimed(2, b, 200, "B");
  claimed(1, c, 300, "C");
  note_long_waits(store, 1, {wait(a, 100, {b}), wait(c, 300, {a})});
  EXPECT_TRUE(look().sentences.empty()) << "of B nothing is known yet";
  note_long_waits(store, 2, {wait(b, 200, {c})});
  EXPECT_EQ(look(2).sentences.size(), 1U);
  for (const FutureId id : {a, b, c}) EXPECT_TRUE(failed(id));
  EXPECT_NE(outcome(b)->bytes.find(
                "B (000000000000000a/2) waits for C (000000000000000a/3), C (000000000000000a/3) waits for "
                "A (000000000000000a/1), A (000000000000000a/1) waits for B (000000000000000a/2)"),
            std::string::npos)
      << outcome(b)->bytes;
}

TEST_F(DeadlocksTest, ACircleThroughDependenciesFailsToo) {
  claimed(1, a, 100, "A");
  one(1, submit(driver(10), b, 0, named("B", {a})));
  one(1, submit(driver(10), c, 0, named("C", {b})));
  one(1, submit(driver(10), d, 0, named("D", {c})));
  note_long_waits(store, 1, {wait(a, 100, {c})});
  look();
  for (const FutureId id : {a, b, c}) EXPECT_TRUE(failed(id));
  EXPECT_NE(outcome(a)->bytes.find(
                "A (000000000000000a/1) waits for C (000000000000000a/3), C (000000000000000a/3) depends on "
                "B (000000000000000a/2), B (000000000000000a/2) depends on A (000000000000000a/1)"),
            std::string::npos)
      << outcome(a)->bytes;
  EXPECT_EQ(outcome(d)->failure, FailureKind::kDependency) << "it only waits for the circle";
}

TEST_F(DeadlocksTest, WhoOnlyWaitsForACircleIsNotFailed) {
  for (const auto& [id, claim, name] : {std::tuple(a, 100, "A"), std::tuple(b, 200, "B"), std::tuple(c, 300, "C")})
    claimed(1, id, static_cast<Claim>(claim), name);
  note_long_waits(store, 1, {wait(a, 100, {b}), wait(b, 200, {a}), wait(c, 300, {a})});
  look();
  EXPECT_TRUE(failed(a));
  EXPECT_TRUE(failed(b));
  EXPECT_EQ(ControlTest::look(1, c), Verdict::kDone);
}

TEST_F(DeadlocksTest, AWaitForSomeOfManyIsNoDeadlockWhileEnoughOfThemGoOn) {
  claimed(1, a, 100, "A");
  claimed(1, b, 200, "B");
  claimed(1, c, 300, "C");
  note_long_waits(store, 1, {wait(a, 100, {b, c}, 1), wait(b, 200, {a})});
  EXPECT_TRUE(look().sentences.empty()) << "C runs";
  note_long_waits(store, 1, {wait(a, 100, {b, c}, 2), wait(b, 200, {a})});
  EXPECT_EQ(look().sentences.size(), 1U) << "both are needed";
  EXPECT_EQ(ControlTest::look(1, c), Verdict::kDone);
}

TEST_F(DeadlocksTest, AWaitForOneOfManyWhichAreAllStuckGoesOnWhenOneOfThemFails) {
  claimed(1, a, 100, "A");
  claimed(1, b, 200, "B");
  claimed(1, c, 300, "C");
  note_long_waits(store, 1, {wait(a, 100, {b, c}, 1), wait(b, 200, {a}), wait(c, 300, {c})});
  EXPECT_EQ(look().sentences.size(), 1U);
  EXPECT_TRUE(failed(c));
  EXPECT_EQ(ControlTest::look(1, a), Verdict::kDone);
  EXPECT_EQ(ControlTest::look(1, b), Verdict::kDone);
}

TEST_F(DeadlocksTest, AWaitThatIsOverCountsForNothingHoweverLateItIsRead) {
  claimed(1, a, 100, "A");
  claimed(1, b, 200, "B");
  note_long_waits(store, 1, {wait(a, 100, {b}), wait(b, 200, {a})});
  one(1, end(b, 200, failure(FailureKind::kCrash), false, 201));
  EXPECT_TRUE(look().sentences.empty()) << "B is tried again: that is another execution";
  one(1, end(b, 201, value("v")));
  EXPECT_TRUE(look().sentences.empty());
  one(1, op::Release{driver(10), b});
  EXPECT_TRUE(look().sentences.empty()) << "what is freed has ended";
  EXPECT_EQ(ControlTest::look(1, a), Verdict::kDone);
}

TEST_F(DeadlocksTest, AnEvictedWorkerLeavesNoWaits) {
  claimed(2, a, 100, "A");
  note_long_waits(store, 2, {wait(a, 100, {a})});
  leave(store, 2);
  const auto all = keys_now();
  EXPECT_TRUE(std::none_of(all.begin(), all.end(), [](const std::string& key) { return key[0] == 'l'; }));
  note_long_waits(store, 2, {wait(a, 100, {a})});
  EXPECT_EQ(keys_now(), all) << "and it writes no more";
}

TEST_F(DeadlocksTest, ANoteTakesThePlaceOfTheOneBefore) {
  claimed(1, a, 100, "A");
  const auto before = keys_now();
  note_long_waits(store, 1, {wait(a, 100, {b})});
  EXPECT_EQ(keys_now().size(), before.size() + 1);
  note_long_waits(store, 1, {});
  EXPECT_EQ(keys_now(), before);
}

TEST_F(DeadlocksTest, ATaskThatKeepsWhatItsChildNeedsFailsAndTheChildLives) {
  join_with_gpus(3, 1'000'000);
  claimed(1, a, 100, "parent");
  one(1, submit(driver(10), b, 0, named("child", {}, gpus(1'000'000))));
  LongWait parent = wait(a, 100, {b});
  note_long_waits(store, 1, {parent});
  EXPECT_TRUE(look().sentences.empty()) << "it keeps nothing of worker gpus";
  one(1, op::Relinquish{a, 100});
  ClaimRequest request;
  request.incarnation = 3;
  request.by_id = {a};
  request.claims = {400};
  ASSERT_EQ(claim_once(store, request, Resources{2'000'000, 0, 1'000'000, {}}).taken.size(), 1U);
  parent.claim = 400;
  parent.keeps = gpus(1'000'000);
  note_long_waits(store, 3, {parent});
  EXPECT_EQ(look(3).sentences.size(), 1U);
  EXPECT_TRUE(failed(a));
  EXPECT_EQ(outcome(b), nullptr);
  EXPECT_NE(outcome(a)->bytes.find(
                "child (000000000000000a/2) needs 1 gpu, and parent (000000000000000a/1) keeps 1 gpu of worker gpus"),
            std::string::npos)
      << outcome(a)->bytes;
}

TEST_F(DeadlocksTest, WhatSomebodyMayHaveRoomForIsNotStuck) {
  join_with_gpus(3, 2'000'000);
  one(1, submit(driver(10), a, 0, named("parent", {}, gpus(1'000'000))));
  one(1, submit(driver(10), b, 0, named("child", {}, gpus(1'000'000))));
  ClaimRequest request;
  request.incarnation = 3;
  request.by_id = {a};
  request.claims = {400};
  ASSERT_EQ(claim_once(store, request, Resources{2'000'000, 0, 2'000'000, {}}).taken.size(), 1U);
  LongWait parent = wait(a, 400, {b});
  parent.keeps = gpus(1'000'000);
  note_long_waits(store, 3, {parent});
  EXPECT_TRUE(look(3).sentences.empty()) << "another gpu is there, though something else may run on it now";
  one(1, submit(driver(10), c, 0, named("larger", {}, gpus(3'000'000))));
  parent.futures = {c};
  note_long_waits(store, 3, {parent});
  EXPECT_TRUE(look(3).sentences.empty()) << "no worker is large enough: one may join";
  one(1, submit(driver(10), d, 0, named("both", {}, gpus(2'000'000))));
  parent.futures = {d};
  note_long_waits(store, 3, {parent});
  EXPECT_EQ(look(3).sentences.size(), 1U);
}

TEST_F(DeadlocksTest, AFutureThatIsReadyIsNotTakenByIdWhereBlockedTasksLeaveNoRoom) {
  join_with_gpus(3, 1'000'000);
  one(1, submit(driver(10), b, 0, named("child", {}, gpus(1'000'000))));
  ClaimRequest request;
  request.incarnation = 3;
  request.by_id = {b};
  request.claims = {400};
  request.kept = gpus(1);
  const Resources total{2'000'000, 0, 1'000'000, {}};
  EXPECT_EQ(claim_once(store, request, total).failed, std::vector<FutureId>{b});
  request.kept = {};
  EXPECT_EQ(claim_once(store, request, total).taken.size(), 1U);
}

}  // namespace
}  // namespace morrow::control
