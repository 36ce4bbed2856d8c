// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/awaits.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::worker {
namespace {

using control::FutureId;

constexpr Waiter kTask{0, 5};

AwaitRequest question(std::uint64_t token, std::vector<FutureId> ids, std::uint32_t need = 0) {
  AwaitRequest request;
  request.token = token;
  request.ids = std::move(ids);
  request.need = need;
  return request;
}

action::Ready large_value(std::uint64_t token, FutureId id, std::uint32_t index) {
  auto outcome = std::make_shared<control::Outcome>();
  outcome->object = {9, 1 << 20, 1};
  action::Ready ready;
  ready.to = kTask;
  ready.token = token;
  ready.id = id;
  ready.index = index;
  ready.outcome = std::move(outcome);
  return ready;
}

AwaitPtr open(Awaits& awaits, const Waiter& who, AwaitRequest request) {
  const AwaitPtr await = awaits.open(who, std::move(request));
  for (std::uint32_t i = 0; i < await->request.ids.size(); ++i)
    awaits.future(await->request.ids[i]).waiters.push_back({await, i});
  return await;
}

TEST(Awaits, AQuestionIsSatisfiedByWhatItNeedsAndKnownUntilAllIsAnswered) {
  Awaits awaits;
  const AwaitPtr await = awaits.open(kTask, question(1, {{1, 1}, {1, 2}, {1, 3}}, 2));
  EXPECT_TRUE(awaits.count_answer(*await, 2));
  EXPECT_FALSE(awaits.count_answer(*await, 2));
  EXPECT_EQ(await->missing, 1u);
  EXPECT_TRUE(awaits.count_answer(*await, 0));
  EXPECT_EQ(await->missing, 0u);
  EXPECT_EQ(awaits.questions().size(), 1u);
  EXPECT_TRUE(awaits.count_answer(*await, 1));
  EXPECT_TRUE(awaits.questions().empty());
}

TEST(Awaits, NeedingMoreThanIsAskedForMeansAll) {
  Awaits awaits;
  EXPECT_EQ(awaits.open(kTask, question(1, {{1, 1}, {1, 2}}, 7))->missing, 2u);
  EXPECT_EQ(awaits.open(kTask, question(2, {{1, 1}, {1, 2}}, 0))->missing, 2u);
}

TEST(AwaitsDeathTest, AnAnswerIsToWhatWasAskedFor) {
  Awaits awaits;
  const AwaitPtr await = awaits.open(kTask, question(1, {{1, 1}}));
  EXPECT_ABORT(awaits.count_answer(*await, 1), "an answer is to one of the futures that were asked for");
}

TEST(Awaits, AllThatWaitForAFutureAreTakenTogether) {
  Awaits awaits;
  open(awaits, kTask, question(1, {{1, 1}}));
  open(awaits, Waiter{3, 0}, question(1, {{1, 2}, {1, 1}}));
  const auto taken = awaits.take({1, 1});
  ASSERT_TRUE(taken);
  ASSERT_EQ(taken->waiters.size(), 2u);
  EXPECT_EQ(taken->waiters[1].index, 1u);
  EXPECT_FALSE(awaits.take({1, 1}));
}

TEST(Awaits, TheLastWaiterThatLeavesBringsWhatTheStoreKnows) {
  Awaits awaits;
  const AwaitPtr first = open(awaits, kTask, question(1, {{1, 1}}));
  const AwaitPtr second = open(awaits, kTask, question(2, {{1, 1}}));
  awaits.future({1, 1}).registered = true;
  EXPECT_FALSE(awaits.remove_waiter({1, 1}, first));
  const auto last = awaits.remove_waiter({1, 1}, second);
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->registered);
  EXPECT_EQ(awaits.find({1, 1}), nullptr);
}

TEST(Awaits, WhatIsLostOfOneQuestionIsWaitedForTogether) {
  Awaits awaits;
  const AwaitSlot first = awaits.open_again(large_value(1, {1, 1}, 4));
  const AwaitSlot second = awaits.open_again(large_value(1, {1, 2}, 6));
  const AwaitSlot other = awaits.open_again(large_value(2, {1, 3}, 0));
  EXPECT_EQ(first.await, second.await);
  EXPECT_NE(first.await, other.await);
  EXPECT_EQ(second.await->missing, 2u);
  EXPECT_EQ(second.await->indices, (std::vector<std::uint32_t>{4, 6}));
}

TEST(Awaits, AQuestionMissesWhatWasLostOfItToo) {
  Awaits awaits;
  const AwaitPtr await = awaits.open(kTask, question(1, {{1, 1}, {1, 2}}));
  const AwaitSlot lost = awaits.open_again(large_value(1, {1, 1}, 0));
  EXPECT_TRUE(awaits.more_missing(*await));
  EXPECT_TRUE(awaits.more_missing(*lost.await));
  awaits.count_answer(*lost.await, 0);
  EXPECT_FALSE(awaits.more_missing(*await));
}

TEST(Awaits, ALargeValueComesOnceForEachTimeItWasSentUnlessItIsTakenBack) {
  Awaits awaits;
  const action::Ready ready = large_value(1, {1, 1}, 0);
  EXPECT_FALSE(awaits.value_came(ready));
  awaits.value_sent(ready);
  awaits.value_sent(ready);
  EXPECT_TRUE(awaits.value_came(ready));
  EXPECT_TRUE(awaits.value_came(ready));
  EXPECT_FALSE(awaits.value_came(ready));
  awaits.value_sent(ready);
  awaits.take_back(kTask, 1);
  EXPECT_FALSE(awaits.value_came(ready));
}

TEST(Awaits, TakingBackAQuestionTakesWhatIsAskedAgainOfIt) {
  Awaits awaits;
  const AwaitPtr await = awaits.open(kTask, question(1, {{1, 1}}));
  const AwaitSlot lost = awaits.open_again(large_value(1, {1, 2}, 1));
  awaits.open_again(large_value(2, {1, 3}, 1));
  EXPECT_EQ(awaits.take_back(kTask, 1), (std::vector<AwaitPtr>{await, lost.await}));
}

TEST(Awaits, ATaskGoesOnInItsTurn) {
  Awaits awaits;
  const AwaitPtr first = awaits.open(Waiter{0, 1}, question(1, {{1, 1}}));
  const AwaitPtr second = awaits.open(Waiter{0, 2}, question(1, {{1, 1}}));
  awaits.queue_to_resume(first, 10);
  awaits.queue_to_resume(second, 20);
  awaits.queue_to_resume(second, 30);
  EXPECT_EQ(awaits.first_resumed([](const AwaitState&) { return true; }), Time{10});
  EXPECT_EQ(awaits.first_resumed([](const AwaitState& await) { return await.who.executor == 2; }), Time{20});
  std::vector<std::pair<AwaitPtr, Time>> asked;
  awaits.resume([&](const AwaitPtr& await, Time since) {
    asked.emplace_back(await, since);
    return await == first;
  });
  EXPECT_EQ(asked, (std::vector<std::pair<AwaitPtr, Time>>{{first, 10}, {second, 20}}));
  EXPECT_FALSE(awaits.resumes(1, first->request.claim));
  EXPECT_TRUE(awaits.resumes(2, second->request.claim));
  EXPECT_FALSE(awaits.resumes(2, second->request.claim + 1));
  EXPECT_FALSE(first->resumes);
}

TEST(Awaits, AClientThatIsGoneAsksNothingAndGoesOnNowhere) {
  Awaits awaits;
  const AwaitPtr mine = open(awaits, kTask, question(1, {{1, 1}}));
  open(awaits, Waiter{0, 6}, question(1, {{1, 1}}));
  const AwaitSlot lost = awaits.open_again(large_value(1, {1, 2}, 0));
  awaits.value_sent(large_value(1, {1, 3}, 0));
  awaits.queue_to_resume(mine, 1);
  EXPECT_EQ(awaits.drop_all(kTask), (std::vector<AwaitPtr>{mine, lost.await}));
  EXPECT_FALSE(awaits.first_resumed([](const AwaitState&) { return true; }));
  EXPECT_FALSE(awaits.value_came(large_value(1, {1, 3}, 0)));
  EXPECT_EQ(awaits.questions().size(), 1u);
}

TEST(Awaits, AnEndCountsUntilItIsCommittedOrOld) {
  Awaits awaits;
  awaits.note_ended({1, 1}, 10);
  awaits.note_ended({1, 2}, 20);
  EXPECT_EQ(awaits.ended_within(25, 10), 1u);
  EXPECT_EQ(awaits.ended_within(25, 16), 2u);
  EXPECT_EQ(awaits.first_ended_within(25, 16), Time{10});
  EXPECT_EQ(awaits.first_ended_within(25, 10), Time{20});
  EXPECT_EQ(awaits.first_ended_within(25, 5), std::nullopt);
  awaits.note_committed({1, 1});
  EXPECT_EQ(awaits.first_ended_within(25, 16), Time{20});
  awaits.note_committed({1, 2});
  EXPECT_EQ(awaits.first_ended_within(25, 16), std::nullopt);
}

// Whatever is answered, in which order and how often: a question has unanswered what was not answered, misses no more
// than that, and is known as long as that is anything.
TEST(Awaits, WhatAQuestionMissesIsAlwaysUnanswered) {
  EXPECT_TRUE(rc::check([](std::uint8_t futures, std::uint8_t need, const std::vector<std::uint8_t>& answers) {
    const std::size_t count = futures % 20 + 1u;
    Awaits awaits;
    const AwaitPtr await = awaits.open(kTask, question(1, std::vector<FutureId>(count), need));
    const std::size_t needed = need == 0 || need > count ? count : need;
    std::vector<bool> answered(count, false);
    for (const std::uint8_t answer : answers) {
      const std::uint32_t index = answer % static_cast<std::uint32_t>(count);
      RC_ASSERT(awaits.count_answer(*await, index) == !answered[index]);
      answered[index] = true;
      const auto given = static_cast<std::size_t>(std::count(answered.begin(), answered.end(), true));
      RC_ASSERT(await->unanswered == count - given);
      RC_ASSERT(await->missing == (given >= needed ? 0 : needed - given));
      RC_ASSERT(awaits.questions().empty() == (given == count));
    }
  }));
}

}  // namespace
}  // namespace morrow::worker
