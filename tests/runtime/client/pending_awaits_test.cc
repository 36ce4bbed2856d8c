// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/pending_awaits.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::runtime {
namespace {

using detail::FutureId;

std::vector<FutureId> futures(std::size_t count) {
  std::vector<FutureId> ids;
  for (std::size_t i = 1; i <= count; ++i) ids.push_back({1, i});
  return ids;
}

TEST(PendingAwait, IsDoneWhenAsManyAreThereAsItNeeds) {
  const auto ids = futures(3);
  PendingAwait call({.ids = ids, .need = 2});
  EXPECT_FALSE(call.done());
  call.take(2);
  EXPECT_FALSE(call.done());
  call.take(0);
  EXPECT_TRUE(call.done());
  EXPECT_FALSE(call.is_answered());
  call.take(1);
  EXPECT_TRUE(call.is_answered());
}

TEST(PendingAwait, InOrderItIsDoneWithAllOrTheFirstFailure) {
  const auto ids = futures(3);
  PendingAwait call({.ids = ids, .in_order = true, .need = 3});
  call.take(1).failure = detail::FailureKind::kException;
  EXPECT_FALSE(call.done());  // the one before it may fail too
  call.take(0);
  EXPECT_TRUE(call.done());
  EXPECT_EQ(call.good(), 1U);

  PendingAwait all({.ids = ids, .in_order = true, .need = 3});
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(all.done());
    all.take(i);
  }
  EXPECT_TRUE(all.done());
  EXPECT_EQ(all.good(), 3U);
}

TEST(PendingAwait, AQuestionSaysWhatTheCallWants) {
  const auto ids = futures(3);
  PendingAwaits awaits;
  PendingAwait call({.ids = ids, .values = true, .blocks = true, .need = 2});
  call.asked_by(9, false);
  awaits.add(call, 5);
  ASSERT_EQ(call.parts(), 1U);
  const wire::Await message = call.message(0);
  EXPECT_EQ(message.token(), 5U);
  EXPECT_EQ(std::vector<std::uint64_t>(message.ids().begin(), message.ids().end()),
            (std::vector<std::uint64_t>{1, 1, 1, 2, 1, 3}));
  EXPECT_EQ(message.claim(), 9U);
  EXPECT_TRUE(message.values());
  EXPECT_TRUE(message.blocks());
  EXPECT_FALSE(message.poll());
  EXPECT_EQ(message.need(), 2U);
  EXPECT_TRUE(message.endless());
}

TEST(PendingAwait, OnlyACallWithoutATimeoutIsEndless) {
  const auto ids = futures(1);
  PendingAwaits awaits;
  PendingAwait timed({.ids = ids, .need = 1});
  timed.asked_by(9, true);
  awaits.add(timed, 5);
  EXPECT_FALSE(timed.message(0).endless());
  PendingAwait poll({.ids = ids, .poll = true, .need = 1});
  awaits.add(poll, 6);
  EXPECT_FALSE(poll.message(0).endless());
}

TEST(PendingAwaits, AnAnswerFindsItsPlaceUntilItIsThere) {
  const auto ids = futures(2);
  PendingAwaits awaits;
  PendingAwait call({.ids = ids, .need = 2});
  awaits.add(call, 5);
  const auto place = awaits.find(5, 1);
  ASSERT_TRUE(place);
  EXPECT_EQ(place->call, &call);
  EXPECT_EQ(place->index, 1U);
  call.take(place->index);
  EXPECT_FALSE(awaits.find(5, 1));  // a worker may say it twice
  EXPECT_TRUE(awaits.find(5, 0));
}

TEST(PendingAwaits, WhatAWorkerSaysOfNoQuestionFindsNoPlace) {
  const auto ids = futures(2);
  PendingAwaits awaits;
  PendingAwait call({.ids = ids, .need = 2});
  awaits.add(call, 5);
  EXPECT_FALSE(awaits.find(4, 0));
  EXPECT_FALSE(awaits.find(6, 0));
  EXPECT_FALSE(awaits.find(5, 2));
  EXPECT_FALSE(awaits.find(5, 0xffffffff));
  awaits.remove(call);
  EXPECT_FALSE(awaits.find(5, 0));
}

TEST(PendingAwaits, AQuestionTooLargeForAFrameTravelsInParts) {
  const auto ids = futures(250'000);
  PendingAwaits awaits;
  PendingAwait call({.ids = ids, .need = ids.size()});
  awaits.add(call, 5);
  ASSERT_EQ(call.parts(), 3U);
  EXPECT_EQ(call.message(0).ids_size(), 200'000);
  EXPECT_EQ(call.message(2).ids_size(), 100'000);
  EXPECT_EQ(call.message(2).ids(1), 200'001U);
  EXPECT_EQ(awaits.find(7, 3)->index, 200'003U);
  EXPECT_FALSE(awaits.find(5, 100'000)) << "a part answers for its own futures";
  EXPECT_FALSE(awaits.find(7, 50'000));
}

TEST(PendingAwaits, AnotherWorkerIsAskedAllQuestionsAgain) {
  const auto ids = futures(150'000);
  const auto one = futures(1);
  PendingAwaits awaits;
  PendingAwait many({.ids = ids, .need = ids.size()});
  PendingAwait single({.ids = one, .need = 1});
  awaits.add(many, 1);
  awaits.add(single, 3);
  std::string frames;
  awaits.append_questions(frames);
  wire::FrameReader reader;
  reader.append(frames);
  std::size_t asked = 0;
  std::uint64_t tokens = 0;
  while (const auto frame = reader.next()) {
    ASSERT_EQ(frame->type, wire::AWAIT);
    wire::Await message;
    wire::parse(message, frame->payload);
    tokens += message.token();
    asked += static_cast<std::size_t>(message.ids_size()) / 2;
  }
  EXPECT_EQ(asked, 150'001U);
  EXPECT_EQ(tokens, 1U + 2 + 3);
}

TEST(PendingAwaitsDeathTest, AFutureIsAnsweredOnce) {
  const auto ids = futures(1);
  PendingAwait call({.ids = ids, .need = 1});
  call.take(0);
  EXPECT_ABORT(call.take(0), "a future is answered once");
}

TEST(PendingAwaitsDeathTest, EachQuestionHasItsOwnToken) {
  const auto ids = futures(1);
  PendingAwaits awaits;
  PendingAwait first({.ids = ids, .need = 1});
  PendingAwait second({.ids = ids, .need = 1});
  awaits.add(first, 5);
  EXPECT_ABORT(awaits.add(second, 5), "each question has its own token");
}

}  // namespace
}  // namespace morrow::runtime
