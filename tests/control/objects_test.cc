// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "control/sources.h"
#include "tests/control/world.h"

// Values that lie with workers: who is told when nobody needs them, and where tasks go that need them.

namespace morrow::control {
namespace {

std::uint64_t the_time = 1'000'000'000;

class ObjectsTest : public ControlTest {
 protected:
  ObjectsTest() {
    join_worker(1);
    join_worker(2);
    join_worker(3);
    open_session(1, 10);
    sources::microseconds = [] { return the_time; };
  }
  ~ObjectsTest() override { sources::microseconds = &sources::system_microseconds; }

  static OutcomePtr object(std::uint64_t number, Incarnation maker, std::uint64_t size = 100'000'000) {
    auto outcome = std::make_shared<Outcome>();
    outcome->object = {number, size, maker};
    return outcome;
  }

  /// A future whose value `maker` has.
  FutureId made(std::uint64_t sequence, std::uint64_t number, Incarnation maker, std::uint64_t size = 100'000'000) {
    const FutureId id{10, sequence};
    EXPECT_EQ(one(maker, submit(driver(10), id, 1000 + number)).verdict, Verdict::kClaimed);
    EXPECT_EQ(one(maker, end(id, 1000 + number, object(number, maker, size))).verdict, Verdict::kFinished);
    return id;
  }

  void release(FutureId id) {
    const RoundResult result = run(1, {op::Release{driver(10), id}});
    told_.insert(told_.end(), result.freed.begin(), result.freed.end());
  }
  /// Objects that a worker was told to free.
  std::vector<std::uint64_t> freed(Incarnation incarnation) {
    auto all = drain(incarnation).freed;
    if (incarnation == 1) all.insert(all.end(), told_.begin(), told_.end());
    std::sort(all.begin(), all.end());
    return all;
  }
  /// Whoever is said to hold one of the numbers that these tests use.
  std::vector<std::string> holders(FutureId id) {
    std::vector<std::string> names;
    for (std::uint64_t number = 70; number < 90; ++number) {
      for (const WorkerInfo& one : object_holders(store, id, number)) names.push_back(one.name);
    }
    return names;
  }

  std::vector<std::uint64_t> told_;
};

using Numbers = std::vector<std::uint64_t>;
using Names = std::vector<std::string>;

TEST_F(ObjectsTest, AReleaseTellsAllThatHoldTheValue) {
  const FutureId id = made(1, 77, 1);
  EXPECT_EQ(holders(id), Names{"w1"});
  EXPECT_EQ(one(2, op::AddReplica{id, 77}).verdict, Verdict::kDone);
  EXPECT_EQ(holders(id), (Names{"w1", "w2"}));
  release(id);
  EXPECT_EQ(freed(1), Numbers{77});
  EXPECT_EQ(freed(2), Numbers{77});
  EXPECT_EQ(freed(3), Numbers{});
  EXPECT_TRUE(holders(id).empty());
}

TEST_F(ObjectsTest, AValueIsASoleOneWhenItIsNeededAndNoOtherWorkerIsAliveThatHasIt) {
  const FutureId id = made(1, 77, 1);
  const auto soles = [&](std::uint64_t number) {
    return sole_values(store, 1, {{id, number, 100}, {{9, 9}, 5, 100}}).size();
  };
  EXPECT_EQ(soles(77), 1U);
  EXPECT_EQ(soles(78), 0U) << "the future has another value";
  one(2, op::AddReplica{id, 77});
  EXPECT_EQ(soles(77), 0U);
  leave(store, 2);
  EXPECT_EQ(soles(77), 1U);
  release(id);
  EXPECT_EQ(soles(77), 0U);
}

TEST_F(ObjectsTest, ACopyIsGivenUpOnlyWhileAnotherLivingWorkerThatStaysHasTheValue) {
  const FutureId id = made(1, 77, 1);
  EXPECT_FALSE(give_up_copy(store, 2, id, 77)) << "it is not known yet";
  one(2, op::AddReplica{id, 77});
  EXPECT_FALSE(give_up_copy(store, 2, id, 78)) << "it is another value";
  EXPECT_TRUE(give_up_copy(store, 2, id, 77));
  EXPECT_EQ(holders(id), Names{"w1"});
  EXPECT_FALSE(give_up_copy(store, 1, id, 77)) << "it is the last";

  one(2, op::AddReplica{id, 77});
  WorkerInfo leaving;
  leaving.incarnation = 1;
  leaving.name = "w1";
  leaving.draining = true;
  one(1, op::Publish{std::make_shared<const WorkerInfo>(leaving)});
  EXPECT_FALSE(give_up_copy(store, 2, id, 77)) << "it may have been handed over to this one";
  leave(store, 1);
  EXPECT_FALSE(give_up_copy(store, 2, id, 77));
}

TEST_F(ObjectsTest, ACopyOfWhatIsGoneIsRefused) {
  const FutureId id = made(1, 77, 1);
  EXPECT_EQ(one(2, op::AddReplica{id, 78}).verdict, Verdict::kAbsent);  // another object
  release(id);
  EXPECT_EQ(one(2, op::AddReplica{id, 77}).verdict, Verdict::kAbsent);
  EXPECT_TRUE(holders(id).empty());
}

TEST_F(ObjectsTest, WhoDroppedItsCopyIsNotTold) {
  const FutureId id = made(1, 77, 1);
  one(2, op::AddReplica{id, 77});
  one(2, op::DropReplica{id});
  EXPECT_EQ(holders(id), Names{"w1"});
  release(id);
  EXPECT_EQ(freed(2), Numbers{});
}

TEST_F(ObjectsTest, AScopeThatEndsFreesItsObjectsEverywhere) {
  one(1, op::OpenScope{driver(10), 20, 10});
  Numbers all;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const FutureId id{20, i};
    ASSERT_EQ(one(1, submit(driver(10), id, 500 + i)).verdict, Verdict::kClaimed);
    ASSERT_EQ(one(1, end(id, 500 + i, object(900 + i, 1))).verdict, Verdict::kFinished);
    if (i % 2 == 0) one(3, op::AddReplica{id, 900 + i});
    all.push_back(900 + i);
  }
  one(1, op::EndScope{driver(10), 20});
  work_off(2);
  EXPECT_EQ(freed(1), all);
  EXPECT_EQ(freed(3).size(), 10U);
  // Behind the walk nothing can be added.
  EXPECT_EQ(one(2, op::AddReplica{{20, 1}, 901}).verdict, Verdict::kAbsent);
}

TEST_F(ObjectsTest, AFutureGoesToTheWorkerThatHasItsValues) {
  const FutureId large = made(1, 77, 2);
  // Asked for at worker 1, which could run it: it waits for worker 2.
  EXPECT_EQ(one(1, submit(driver(10), {10, 2}, 600, make_spec({large}))).verdict, Verdict::kReady);
  EXPECT_TRUE(claim_some(1, {601}).taken.empty());
  EXPECT_FALSE(claim_some(3, {602}).more);
  const auto taken = claim_some(2, {603}).taken;
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken.front().dependencies.front()->object.number, 77U);
}

TEST_F(ObjectsTest, OthersTakeItWhenThatWorkerIsBusyForLong) {
  const FutureId large = made(1, 77, 2);
  EXPECT_EQ(one(1, submit(driver(10), {10, 2}, 600, make_spec({large}))).verdict, Verdict::kReady);
  the_time += 150'000;
  EXPECT_TRUE(claim_some(3, {602}).taken.empty());
  the_time += 100'000;  // longer than the value takes to travel
  EXPECT_EQ(claim_some(3, {603}).taken.size(), 1U);
}

TEST_F(ObjectsTest, AFutureRunsWhereItIsWhenItsValuesAreTooOrAreSmall) {
  const FutureId small = made(1, 77, 2, 100'000);
  EXPECT_EQ(one(1, submit(driver(10), {10, 2}, 600, make_spec({small}))).verdict, Verdict::kClaimed);
  const FutureId there = made(3, 78, 2);
  const FutureId here = made(4, 79, 1);
  EXPECT_EQ(one(1, submit(driver(10), {10, 5}, 601, make_spec({there, here}))).verdict, Verdict::kClaimed);
  const FutureId copied = made(6, 80, 2);
  one(1, op::AddReplica{copied, 80});
  EXPECT_EQ(one(1, submit(driver(10), {10, 7}, 602, make_spec({copied}))).verdict, Verdict::kClaimed);
}

TEST_F(ObjectsTest, AFutureDoesNotGoToAWorkerThatCouldNeverRunIt) {
  const FutureId large = made(1, 77, 2);
  EXPECT_EQ(one(1, submit(driver(10), {10, 2}, 600, make_spec({large}, 3'000'000))).verdict, Verdict::kClaimed);
}

TEST_F(ObjectsTest, AnotherClockDoesNotKeepAFutureForEver) {
  const FutureId large = made(1, 77, 2);
  the_time += 3'600'000'000;
  EXPECT_EQ(one(1, submit(driver(10), {10, 2}, 600, make_spec({large}))).verdict, Verdict::kReady);
  the_time -= 3'600'000'000;
  EXPECT_EQ(claim_some(3, {601}).taken.size(), 1U);
}

}  // namespace
}  // namespace morrow::control
