// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/room_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/worker/objects/virtual_memory.h"

namespace morrow::worker {
namespace {

using Kind = RoomDecision::Kind;
using Reason = RoomDecision::Reason;

constexpr ProcessId kDriver = kDriverBit | 1;

/// 160 units of memory; processes 1 to 9 are tasks.
class RoomQueueTest : public ::testing::Test {
 protected:
  VirtualMemory memory_{160};
};

TEST_F(RoomQueueTest, WhoeverComesFirstIsServedFirst) {
  memory_.ask(1, 160);
  const Ticket second = memory_.ask(2, 100);
  const Ticket third = memory_.ask(3, 100);
  memory_.pass(100);
  EXPECT_FALSE(memory_.answered(second) || memory_.answered(third));
  memory_.let_go(1);
  EXPECT_TRUE(memory_.served(second));
  EXPECT_FALSE(memory_.answered(third));
  memory_.let_go(2);
  EXPECT_TRUE(memory_.served(third));
}

TEST_F(RoomQueueTest, TheHeadHasTenSecondsSinceItStoodThere) {
  memory_.ask(1, 160);
  const Ticket head = memory_.ask(2, 160);
  memory_.pass(5000);
  memory_.let_go(1);
  ASSERT_TRUE(memory_.served(head));
  memory_.let_go(2);
  memory_.ask(1, 160);
  const Ticket second = memory_.ask(2, 100);
  memory_.pass(4000);
  const Ticket third = memory_.ask(3, 90);
  memory_.pass(4000);
  memory_.let_go(1);  // the second has room: the third stands at the head only now
  ASSERT_TRUE(memory_.served(second));
  EXPECT_EQ(memory_.wait(third), 10'000U);
  EXPECT_TRUE(memory_.refused(third));
  EXPECT_EQ(memory_.answer(third).reason, Reason::kWaitedEnough);
}

TEST_F(RoomQueueTest, SmallerOnesPassTheHeadFreelyInItsFirstTwoSeconds) {
  memory_.ask(1, 60);
  const Ticket head = memory_.ask(2, 120);
  memory_.pass(1900);
  const Ticket passes = memory_.ask(3, 100);
  EXPECT_TRUE(memory_.served(passes));
  EXPECT_FALSE(memory_.answered(head));
  memory_.let_go(3);
  memory_.pass(200);
  EXPECT_FALSE(memory_.served(memory_.ask(3, 100)));
}

TEST_F(RoomQueueTest, LaterOnlySixteenthsPassAndAllOfThemTogetherNoMoreThanHalfOfTheHead) {
  memory_.ask(1, 60);
  const Ticket head = memory_.ask(2, 128);
  memory_.pass(2000);
  EXPECT_FALSE(memory_.served(memory_.ask(3, 9)));  // a sixteenth is 8
  std::uint64_t passed = 0;
  for (int i = 0; i < 20; ++i) {
    if (memory_.served(memory_.ask(4, 8))) passed += 8;
    memory_.let_go(4);
  }
  EXPECT_EQ(passed, 64U);
  EXPECT_FALSE(memory_.answered(head));
  memory_.let_go(1);
  EXPECT_TRUE(memory_.served(head));
}

TEST_F(RoomQueueTest, AfterOneThatFailedTheNextHasASecondAndNotItsWholeTimeAgain) {
  memory_.ask(1, 160);
  const Ticket head = memory_.ask(2, 160);
  const Ticket next = memory_.ask(3, 160);
  memory_.pass(5000);
  const Ticket late = memory_.ask(4, 160);
  EXPECT_EQ(memory_.wait(head), 5000U);
  EXPECT_EQ(memory_.wait(next), 1000U);
  EXPECT_EQ(memory_.wait(late), 4000U) << "ten seconds since it came";
  EXPECT_TRUE(memory_.refused(head) && memory_.refused(next) && memory_.refused(late));
}

TEST_F(RoomQueueTest, OfThoseThatHoldRoomFromEachOtherTheLastGetsNothingAfterHalfASecond) {
  memory_.ask(1, 80);
  memory_.ask(2, 80);
  const Ticket first = memory_.ask(1, 80);
  const Ticket last = memory_.ask(2, 80);
  EXPECT_EQ(memory_.wait(last), 500U);
  EXPECT_TRUE(memory_.refused(last));
  EXPECT_EQ(memory_.answer(last).reason, Reason::kDeadlock);
  EXPECT_TRUE(memory_.answer(last).contended);
  memory_.let_go(2);
  EXPECT_TRUE(memory_.served(first));
}

TEST_F(RoomQueueTest, OneThatHoldsAndRunsKeepsADeadlockFromBeingSeen) {
  memory_.ask(1, 60);
  memory_.ask(2, 60);
  memory_.ask(3, 40);
  const Ticket first = memory_.ask(1, 80);
  memory_.ask(2, 80);
  EXPECT_EQ(memory_.wait(first), 10'000U);
  EXPECT_EQ(memory_.answer(first).reason, Reason::kWaitedEnough);
  EXPECT_TRUE(memory_.answer(first).contended);
}

TEST_F(RoomQueueTest, OneThatHoldsMemoryPassesTheHeadThatWaitsForIt) {
  memory_.ask(1, 60);
  const Ticket head = memory_.ask(2, 160);
  memory_.pass(3000);
  EXPECT_TRUE(memory_.served(memory_.ask(1, 60)));
  EXPECT_FALSE(memory_.served(memory_.ask(3, 30))) << "it holds nothing that the head needs";
  memory_.let_go(1);
  EXPECT_TRUE(memory_.served(head));
}

TEST_F(RoomQueueTest, ADriverGetsNothingForADeadlockOnlyWhenNoTaskWaits) {
  memory_.ask(1, 80);
  memory_.ask(kDriver, 80);
  const Ticket task = memory_.ask(1, 80);
  const Ticket driver = memory_.ask(kDriver, 80);
  EXPECT_EQ(memory_.wait(task), 500U);
  EXPECT_TRUE(memory_.refused(task));
  EXPECT_FALSE(memory_.answered(driver));
  memory_.let_go(1);
  EXPECT_TRUE(memory_.served(driver));

  memory_.let_go(kDriver);
  memory_.ask(kDriver, 80);
  memory_.ask(kDriver + 1, 80);
  const Ticket one = memory_.ask(kDriver, 80);
  const Ticket other = memory_.ask(kDriver + 1, 80);
  EXPECT_EQ(memory_.wait(other), 500U);
  EXPECT_TRUE(memory_.refused(other));
  EXPECT_FALSE(memory_.answered(one));
}

TEST_F(RoomQueueTest, ADriverThatReadsOnDoesNotHideADeadlock) {
  memory_.ask(kDriver, 20);
  memory_.ask(1, 70);
  memory_.ask(2, 70);
  const Ticket first = memory_.ask(1, 70);
  const Ticket last = memory_.ask(2, 70);
  EXPECT_EQ(memory_.wait(last), 2000U);
  EXPECT_EQ(memory_.answer(last).reason, Reason::kDeadlock);
  EXPECT_FALSE(memory_.answered(first));
}

TEST_F(RoomQueueTest, AfterABrokenDeadlockTheHeadHasASecondMore) {
  memory_.ask(3, 10);
  memory_.ask(1, 70);
  memory_.ask(2, 80);
  const Ticket first = memory_.ask(1, 80);
  const Ticket last = memory_.ask(2, 80);
  memory_.pass(9700);
  memory_.let_go(3);  // only now all wait
  ASSERT_TRUE(memory_.refused(last));
  EXPECT_EQ(memory_.answer(last).reason, Reason::kDeadlock);
  memory_.pass(900);  // the task that failed is about to end
  ASSERT_FALSE(memory_.answered(first));
  memory_.let_go(2);
  EXPECT_TRUE(memory_.served(first));
}

TEST_F(RoomQueueTest, ADeadProcessHoldsUpNobody) {
  memory_.ask(1, 100);
  const Ticket dead = memory_.ask(2, 160);
  const Ticket shared = memory_.ask(2, 160);
  memory_.queue().join(shared, {.process = 4});
  memory_.pass(3000);
  const Ticket next = memory_.ask(3, 60);
  EXPECT_FALSE(memory_.answered(next));
  memory_.die(2);
  EXPECT_TRUE(memory_.served(next)) << "the head is another one, and this passes it";
  memory_.let_go(1);
  memory_.let_go(3);
  EXPECT_TRUE(memory_.served(shared));
  EXPECT_FALSE(memory_.answered(dead));
}

TEST_F(RoomQueueTest, ABriefOneGivesUpAfterThreeTenthsOfASecond) {
  memory_.ask(1, 160);
  const Ticket brief = memory_.ask(2, 10, true);
  EXPECT_EQ(memory_.wait(brief), 300U);
  EXPECT_TRUE(memory_.refused(brief));
}

TEST_F(RoomQueueTest, BriefOnesMakeWayForTheHeadOneAtATime) {
  memory_.ask(1, 160);
  const Ticket head = memory_.ask(2, 160);
  const Ticket one = memory_.ask(3, 10, true);
  const Ticket other = memory_.ask(4, 10, true);
  EXPECT_EQ(memory_.wait(one), 300U);
  EXPECT_EQ(memory_.answer(one).reason, Reason::kMadeWay);
  EXPECT_FALSE(memory_.answered(other));
  EXPECT_EQ(memory_.wait(other), 100U);
  EXPECT_FALSE(memory_.answered(head));
}

TEST_F(RoomQueueTest, OneThatIsJoinedByAPatientOneIsBriefNoMore) {
  memory_.ask(1, 160);
  const Ticket ticket = memory_.ask(2, 10, true);
  memory_.queue().join(ticket, {.process = 3, .brief = false});
  EXPECT_EQ(memory_.wait(ticket), 10'000U);
}

TEST_F(RoomQueueTest, NobodyIsRefusedWhileObjectsAreOnTheirWayToDisk) {
  memory_.ask(1, 160);
  memory_.set_coming_free(true);
  const Ticket ticket = memory_.ask(2, 10);
  memory_.pass(60'000);
  EXPECT_FALSE(memory_.answered(ticket));
  memory_.set_coming_free(false);
  memory_.serve();
  EXPECT_TRUE(memory_.refused(ticket));
}

TEST_F(RoomQueueTest, ADiskThatFailsIsSaidAtOnce) {
  memory_.ask(1, 160);
  memory_.set_disk_failed(true);
  const Ticket ticket = memory_.ask(2, 10);
  EXPECT_TRUE(memory_.refused(ticket));
  EXPECT_FALSE(memory_.answer(ticket).contended) << "it is the disk, and not the others";
}

TEST_F(RoomQueueTest, ARequestForMoreThanTheMachineHasIsRefusedAtOnce) {
  memory_.set_limit(50);
  const Ticket large = memory_.ask(1, 51);
  EXPECT_EQ(memory_.answer(large).reason, Reason::kMachineIsFull);
  EXPECT_TRUE(memory_.served(memory_.ask(1, 50)));
}

TEST_F(RoomQueueTest, OnlyTasksThatHoldMemoryMakeARefusalWorthATryLater) {
  memory_.ask(kDriver, 160);
  const Ticket by_driver = memory_.ask(1, 10);
  memory_.wait(by_driver);
  EXPECT_FALSE(memory_.answer(by_driver).contended);
  memory_.let_go(kDriver);
  memory_.ask(2, 160);
  const Ticket by_task = memory_.ask(1, 10);
  memory_.wait(by_task);
  EXPECT_TRUE(memory_.answer(by_task).contended);
}

TEST_F(RoomQueueTest, OfThoseThatHoldRoomAndWaitForOthersThatFindNoneTheLastBeginsAnewAfterHalfASecond) {
  for (const ProcessId parent : {1, 2}) {
    memory_.ask(parent, 70);
    memory_.set_standing(parent, Standing::kStuck);
  }
  const Ticket child = memory_.ask(3, 40);
  EXPECT_EQ(memory_.wait(child, 500), 500U);
  EXPECT_EQ(memory_.take_interrupted(), std::vector<ProcessId>{2});
  EXPECT_FALSE(memory_.answered(child));
  memory_.die(2);
  EXPECT_TRUE(memory_.served(child));
}

TEST_F(RoomQueueTest, TheChainThatBeganFirstIsNeverTurnedBackWhateverTheNumbersOfItsProcesses) {
  for (const ProcessId parent : {9, 2}) {
    memory_.begin(parent);
    memory_.ask(parent, 60);
    memory_.set_standing(parent, Standing::kStuck);
  }
  memory_.holders().came(10);
  memory_.set_waits_for(9, 10);
  memory_.set_standing(10, Standing::kStuck);
  memory_.ask(10, 20);
  memory_.ask(3, 80);
  memory_.pass(600);
  EXPECT_EQ(memory_.take_interrupted(), std::vector<ProcessId>{2}) << "not 10, which works for the older one";
}

TEST_F(RoomQueueTest, TheHeadOfTheOnlyChainIsNotInterruptedForItWouldComeToTheSamePointAgain) {
  memory_.begin(1);
  memory_.ask(1, 60);
  memory_.set_standing(1, Standing::kStuck);
  memory_.set_waits_for(1, 2);
  memory_.ask(2, 60);
  const Ticket more = memory_.ask(2, 80);
  memory_.wait(more);
  EXPECT_TRUE(memory_.take_interrupted().empty());
  EXPECT_TRUE(memory_.refused(more));
}

TEST_F(RoomQueueTest, OneThatMayNotRunTwiceIsNotInterruptedAndOneThatGoesOnKeepsAllFromIt) {
  memory_.ask(1, 70);
  memory_.ask(2, 70);
  memory_.set_standing(1, Standing::kStuck);
  memory_.set_standing(2, Standing::kStuckForGood);
  const Ticket child = memory_.ask(3, 40);
  memory_.pass(600);
  EXPECT_EQ(memory_.take_interrupted(), std::vector<ProcessId>{1});
  memory_.set_standing(2, Standing::kGoesOn);
  memory_.pass(3000);
  EXPECT_TRUE(memory_.take_interrupted().empty());
  EXPECT_FALSE(memory_.answered(child));
}

TEST_F(RoomQueueTest, OneThatCouldNotUseTheRoomIsPassedAndHasItWhenItCan) {
  memory_.set_could_use(1, false);
  const Ticket first = memory_.ask(1, 40);
  const Ticket next = memory_.ask(2, 40);
  EXPECT_TRUE(memory_.served(next));
  memory_.pass(20'000);
  EXPECT_FALSE(memory_.answered(first)) << "it is held back, and not refused";
  memory_.set_could_use(1, true);
  EXPECT_EQ(memory_.wait(first), RoomQueue::kLookAgainMs);
  EXPECT_TRUE(memory_.served(first));
}

TEST_F(RoomQueueTest, OneAloneThatHoldsRoomIsNotInterrupted) {
  memory_.ask(1, 100);
  memory_.set_standing(1, Standing::kStuck);
  const Ticket child = memory_.ask(3, 80);
  EXPECT_EQ(memory_.wait(child), 10'000U);
  EXPECT_TRUE(memory_.take_interrupted().empty());
}

TEST_F(RoomQueueTest, NobodyBeginsToHoldAfterWhichNotAllCouldEnd) {
  for (const ProcessId parent : {1, 2, 3}) memory_.set_need(parent, 100);
  EXPECT_TRUE(memory_.served(memory_.ask(1, 50)));
  EXPECT_TRUE(memory_.served(memory_.ask(2, 50)));
  const Ticket third = memory_.ask(3, 50);  // it fits, and then nobody could have a second one
  EXPECT_FALSE(memory_.answered(third));
  memory_.pass(60'000);
  EXPECT_FALSE(memory_.answered(third)) << "it is not refused either: those before it will end";
  EXPECT_TRUE(memory_.served(memory_.ask(2, 50))) << "one of those passes it";
  memory_.let_go(2);
  EXPECT_TRUE(memory_.served(third));
}

TEST_F(RoomQueueTest, WhoNeedsNoMoreThanItAsksForPassesThoseThatAreHeldBack) {
  for (const ProcessId parent : {1, 2, 3}) memory_.set_need(parent, 100);
  memory_.ask(1, 50);
  memory_.ask(2, 50);
  const Ticket third = memory_.ask(3, 50);
  memory_.pass(5000);
  EXPECT_TRUE(memory_.served(memory_.ask(4, 50))) << "a child that writes its value, say";
  EXPECT_FALSE(memory_.answered(third));
}

TEST_F(RoomQueueTest, OneThatNeedsMoreThanThereIsStillBeginsWhenNoTaskHoldsAnything) {
  memory_.set_need(1, 1000);
  memory_.ask(kDriver, 20);
  EXPECT_TRUE(memory_.served(memory_.ask(1, 100)));
}

TEST(RoomNeeds, AllCanEndWhenOneAfterTheOtherFindsWhatItLacks) {
  EXPECT_TRUE(can_all_end({{1, 40, 80, {}}, {2, 40, 80, {}}}, 40));
  EXPECT_FALSE(can_all_end({{1, 40, 80, {}}, {2, 40, 80, {}}, {3, 40, 80, {}}}, 10));
  EXPECT_TRUE(can_all_end({{1, 10, 20, {}}, {2, 50, 70, {}}, {3, 20, 90, {}}}, 10))
      << "the first gives room to the next";
  EXPECT_TRUE(can_all_end({{1, 40, 0, {}}}, 0)) << "it needs no more than it holds";
  EXPECT_FALSE(can_all_end({{kDriver, 100, 100, {}}, {1, 20, 60, {}}}, 30)) << "a driver may never let go";
}

TEST(RoomChains, EachBelongsToTheOneThatNobodyWaitsFor) {
  const std::map<ProcessId, std::vector<ProcessId>> waits{{1, {2, 3}}, {2, {4}}, {5, {3}}, {7, {8}}, {8, {7}}};
  const RoomChains chains({1, 2, 3, 4, 5, 6, 7, 8}, [&](ProcessId process) {
    return waits.contains(process) ? waits.at(process) : std::vector<ProcessId>();
  });
  for (const ProcessId process : {1, 2, 3, 4}) EXPECT_EQ(chains.head_of(process), 1U) << process;
  EXPECT_EQ(chains.head_of(5), 5U) << "3 counts for the first that waits for it";
  EXPECT_EQ(chains.head_of(6), 6U);
  EXPECT_EQ(chains.head_of(7), 7U) << "a circle has none";
  EXPECT_EQ(RoomChains({1, 2}, {}).head_of(2), 2U);
}

TEST(RoomNeeds, AreKnownByFunctionAndFollowWhatItsTasksHeldLast) {
  RoomNeeds needs;
  needs.runs(1, 77);
  EXPECT_FALSE(needs.knows(1));
  needs.stood_in_the_way(1, 800);
  needs.runs(2, 77);
  EXPECT_EQ(needs.need_of(2), 800U);
  needs.holds(2, 1000);
  needs.runs(2, 77);
  EXPECT_EQ(needs.need_of(2), 1000U);
  for (int i = 0; i < 20; ++i) {
    needs.holds(2, 200);
    needs.runs(2, 77);
  }
  EXPECT_LT(needs.need_of(2), 220U);
  needs.gone(2);
  EXPECT_EQ(needs.need_of(2), 0U);
}

TEST(RoomQueue, WhatIsPutBackWaitsAtItsOldPlaceAndForNoMoreThanItsTime) {
  constexpr std::uint64_t kMemoryBytes = 1000;
  RoomQueue queue({.capacity_bytes = kMemoryBytes});
  const Holders holders;
  const RoomState empty{kMemoryBytes, kMemoryBytes};
  const RoomState full{0, kMemoryBytes};
  const Ticket first = queue.ask(500, {{1}}, 0);
  const Ticket second = queue.ask(400, {{2}}, 0);
  EXPECT_EQ(queue.decide(0, full, holders).kind, Kind::kLookAgain);  // its time begins
  EXPECT_EQ(queue.decide(6000, empty, holders).ticket, first);
  EXPECT_EQ(queue.decide(6000, empty, holders).ticket, second);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.granted(), 2U);
  queue.put_back(second);
  queue.put_back(first);
  EXPECT_EQ(queue.granted(), 0U);
  EXPECT_EQ(queue.decide(9900, full, holders).kind, Kind::kLookAgain);
  const RoomDecision refused = queue.decide(10'000, full, holders);
  EXPECT_EQ(refused.kind, Kind::kRefuse);
  EXPECT_EQ(refused.ticket, first);
}

TEST(RoomQueue, AllAreThroughWhenNoneBeforeTheTicketWaitsOrHasRoomThatDoesNotExistYet) {
  constexpr std::uint64_t kMemoryBytes = 1000;
  RoomQueue queue({.capacity_bytes = kMemoryBytes});
  const RoomState empty{kMemoryBytes, kMemoryBytes};
  const Ticket first = queue.ask(500, {{1}}, 0);
  const Ticket mark = queue.next_ticket();
  EXPECT_FALSE(queue.all_through_before(mark));
  EXPECT_EQ(queue.decide(0, empty, {}).ticket, first);
  EXPECT_FALSE(queue.all_through_before(mark));
  queue.settle(first);
  queue.ask(500, {{1}}, 0);
  EXPECT_TRUE(queue.all_through_before(mark));
}

TEST(RoomQueueDeath, ARequestThatCanNeverBeServedIsAMistakeOfOurs) {
  RoomQueue queue({.capacity_bytes = 10});
  EXPECT_DEATH(queue.ask(11, {{1}}, 0), "a request can be served at all");
  EXPECT_DEATH(queue.ask(5, {}, 0), "a request is for somebody");
  EXPECT_DEATH(queue.settle(Ticket{7}), "was granted");
}

}  // namespace
}  // namespace morrow::worker
