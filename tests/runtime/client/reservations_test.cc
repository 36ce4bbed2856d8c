// SPDX-License-Identifier: Apache-2.0
#include "runtime/client/reservations.h"

#include <gtest/gtest.h>

#include <string>

#include "data/arena.h"
#include "tests/base/expect_abort.h"

namespace morrow::runtime {
namespace {

using std::chrono::milliseconds;

constexpr Clock::time_point kStart{std::chrono::hours(1)};

wire::Reserved answer_to(const wire::Reserve& question, std::uint64_t object, std::uint64_t offset = 0) {
  wire::Reserved answer;
  answer.set_token(question.token());
  answer.set_object(object);
  answer.set_offset(offset);
  return answer;
}

class ReservationsTest : public testing::Test {
 protected:
  // A thread that writes one value of this size after another, until it asks for spare room.
  wire::Reserve ask_spare(std::size_t size, std::uint64_t token) {
    reservations_.wants_spare(size, kStart);
    EXPECT_TRUE(reservations_.wants_spare(size, kStart + milliseconds(1)));
    return reservations_.ask_spare(size, token);
  }

  data::Arena arena_{1 << 20};
  std::shared_ptr<ObjectMemory> memory_ = std::make_shared<ObjectMemory>(arena_.fd(), nullptr);
  Reservations reservations_;
};

TEST_F(ReservationsTest, ACallGetsTheAnswerToItsOwnQuestion) {
  Reservations::Request first;
  Reservations::Request second;
  first.size = 10'000;
  second.size = 20'000;
  const auto ask_first = reservations_.add(first, 1);
  const auto ask_second = reservations_.add(second, 2);
  EXPECT_EQ(ask_second.size(), 20'000U);
  EXPECT_FALSE(ask_second.if_free());
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_second, 7, 4096), memory_), 0U);
  EXPECT_FALSE(first.answer);
  ASSERT_TRUE(second.answer);
  EXPECT_EQ(second.answer->object(), 7U);
  EXPECT_EQ(second.answer->offset(), 4096U);
  EXPECT_EQ(second.memory, memory_);
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_first, 8), memory_), 0U);
  EXPECT_EQ(first.answer->object(), 8U);
}

TEST_F(ReservationsTest, RoomForACallThatLeftIsToBeUnpinned) {
  Reservations::Request request;
  const auto question = reservations_.add(request, 1);
  reservations_.remove(request);
  EXPECT_EQ(reservations_.take_answer(answer_to(question, 7), memory_), 7U);
}

TEST_F(ReservationsTest, ASecondAnswerToAQuestionIsToBeUnpinned) {
  Reservations::Request request;
  const auto question = reservations_.add(request, 1);
  EXPECT_EQ(reservations_.take_answer(answer_to(question, 7), memory_), 0U);
  EXPECT_EQ(reservations_.take_answer(answer_to(question, 8), memory_), 8U);
  EXPECT_EQ(request.answer->object(), 7U);
}

TEST_F(ReservationsTest, OnlyUnansweredCallsAskAnotherWorkerAgain) {
  Reservations::Request answered;
  Reservations::Request open;
  open.size = 30'000;
  EXPECT_EQ(reservations_.take_answer(answer_to(reservations_.add(answered, 1), 7), memory_), 0U);
  reservations_.add(open, 2);
  std::string frames;
  reservations_.append_unanswered(frames);
  wire::FrameReader reader;
  reader.append(frames);
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->type, wire::RESERVE);
  wire::Reserve message;
  wire::parse(message, frame->payload);
  EXPECT_EQ(message.token(), 2U);
  EXPECT_EQ(message.size(), 30'000U);
  EXPECT_FALSE(reader.next());
}

TEST_F(ReservationsTest, SpareRoomIsWantedOnlyByWhoWritesInQuickSuccession) {
  EXPECT_FALSE(reservations_.wants_spare(10'000, kStart));
  EXPECT_TRUE(reservations_.wants_spare(10'000, kStart + milliseconds(1)));
  EXPECT_FALSE(reservations_.wants_spare(10'000, kStart + milliseconds(100)));
  EXPECT_FALSE(reservations_.wants_spare(100 << 20, kStart + milliseconds(101)));  // too large to be kept for a guess
}

TEST_F(ReservationsTest, SpareRoomIsAskedForOnceAndOnlyIfItIsFree) {
  const auto question = ask_spare(10'000, 1);
  EXPECT_TRUE(question.if_free());
  EXPECT_EQ(question.size(), 10'000U);
  EXPECT_FALSE(reservations_.wants_spare(10'000, kStart + milliseconds(2)));  // it is under way
  EXPECT_EQ(reservations_.take_answer(answer_to(question, 7), memory_), 0U);
  EXPECT_FALSE(reservations_.wants_spare(10'000, kStart + milliseconds(3)));  // it is here
}

TEST_F(ReservationsTest, SpareRoomIsGivenOnce) {
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_spare(10'000, 1), 7, 8192), memory_), 0U);
  ASSERT_TRUE(reservations_.has_spare());
  const auto spare = reservations_.take_spare(9'000);
  ASSERT_TRUE(spare);
  EXPECT_EQ(spare->object, 7U);
  EXPECT_EQ(spare->offset, 8192U);
  EXPECT_FALSE(reservations_.has_spare());
  EXPECT_FALSE(reservations_.take_spare(9'000));
  EXPECT_EQ(reservations_.release_spare(), 0U);
}

TEST_F(ReservationsTest, SpareRoomOfAnotherSizeIsNotTakenAndMayBeReleased) {
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_spare(10'000, 1), 7), memory_), 0U);
  EXPECT_FALSE(reservations_.take_spare(10'001));
  EXPECT_FALSE(reservations_.take_spare(4'999));
  EXPECT_EQ(reservations_.release_spare(), 7U);
  EXPECT_FALSE(reservations_.has_spare());
}

TEST_F(ReservationsTest, SpareRoomThatIsReleasedOnItsWayIsToBeUnpinnedWhenItComes) {
  const auto question = ask_spare(10'000, 1);
  EXPECT_EQ(reservations_.release_spare(), 0U);
  EXPECT_EQ(reservations_.take_answer(answer_to(question, 7), memory_), 7U);
  EXPECT_FALSE(reservations_.has_spare());
}

TEST_F(ReservationsTest, WhereNothingIsFreeThereIsNoSpareRoom) {
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_spare(10'000, 1), 0), memory_), 0U);
  EXPECT_FALSE(reservations_.has_spare());
  EXPECT_TRUE(reservations_.wants_spare(10'000, kStart + milliseconds(2)));
}

TEST_F(ReservationsTest, TheSpareRoomOfALostWorkerIsForgotten) {
  EXPECT_EQ(reservations_.take_answer(answer_to(ask_spare(10'000, 1), 7), memory_), 0U);
  reservations_.forget_spare();
  EXPECT_FALSE(reservations_.has_spare());
  EXPECT_EQ(reservations_.release_spare(), 0U);
}

using ReservationsDeathTest = ReservationsTest;

TEST_F(ReservationsDeathTest, EachQuestionHasItsOwnToken) {
  Reservations::Request first;
  Reservations::Request second;
  reservations_.add(first, 1);
  EXPECT_ABORT(reservations_.add(second, 1), "each question for room has its own token");
}

TEST_F(ReservationsDeathTest, ACallIsRemovedOnce) {
  Reservations::Request request;
  reservations_.add(request, 1);
  reservations_.remove(request);
  EXPECT_ABORT(reservations_.remove(request), "a call for room waits until it is removed");
}

}  // namespace
}  // namespace morrow::runtime
