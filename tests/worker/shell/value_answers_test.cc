// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/value_answers.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

class ValueAnswersTest : public ::testing::Test {
 protected:
  ValueAnswers::Means means() {
    return {
        .want = [this](ProcessId, control::FutureId, const control::ObjectRef&, Objects::Then then,
                       bool) { then_ = std::move(then); },
        .unpin = [this](ProcessId, std::uint64_t object) { unpinned_.push_back(object); },
        .reserve = [this](ProcessId, std::uint64_t, Objects::Then then, bool) { then_ = std::move(then); },
        .seal = [this](ProcessId, std::uint64_t, std::uint64_t, const ObjectOwner&, bool) { return seals_; },
        .may_read = [](ProcessId) {},
        .reads_no_more = [this](ProcessId process) { gone_.push_back(process); },
        .watch_death = [this](wire::Fd, std::function<void()> dead) { death_ = std::move(dead); },
        .send =
            [this](const Waiter& to, wire::FrameType type, const google::protobuf::MessageLite& message) {
              sent_.push_back({to.client, type, message.SerializeAsString()});
            },
    };
  }
  ValueAnswers::Events events() {
    return {
        .here = [this](const action::Ready&) { return waits_; },
        .lost = [this](const action::Ready& ready) { lost_.push_back(ready.token); },
        .put = [this](const Brain::Asker&, control::FutureId, control::SpecPtr,
                      control::OutcomePtr outcome) { put_ = std::move(outcome); },
        .found_no_room = [this](ExecutorId executor) { no_room_.push_back(executor); },
        .copies = [](const Brain::Asker&, control::SessionId, const control::HeldValue&, std::uint32_t) {},
    };
  }
  void answer(const control::Outcome& outcome, Waiter to = {1, 0}) {
    action::Ready ready;
    ready.to = to;
    ready.token = 3;
    ready.outcome = std::make_shared<control::Outcome>(outcome);
    values_.carry_out(ready);
  }
  static control::Outcome large() { return {control::FailureKind::kNone, "", {}, {77, 1'000, 2}}; }
  void comes() {
    const ObjectPlace place{77, {4'096, 1'000}};
    then_(&place, nullptr);
  }
  void fails(const ObjectProblem& problem) { then_(nullptr, &problem); }
  wire::Ready told() const { return sent_.at(0).as<wire::Ready>(); }

  bool waits_ = true;
  bool seals_ = true;
  Objects::Then then_;
  std::function<void()> death_;
  std::vector<SentFrame> sent_;
  std::vector<std::uint64_t> unpinned_, lost_;
  std::vector<ProcessId> gone_;
  std::vector<ExecutorId> no_room_;
  control::OutcomePtr put_;
  ValueAnswers values_{means(), {"w1", 7}, events()};
};

TEST_F(ValueAnswersTest, ASmallValueIsInTheAnswer) {
  answer({control::FailureKind::kNone, "value", {}});
  EXPECT_EQ(told().token(), 3u);
  EXPECT_EQ(told().bytes(), "value");
  EXPECT_EQ(told().size(), 5u);
}

TEST_F(ValueAnswersTest, AFailureIsToldInWords) {
  answer({control::FailureKind::kCancelled, "", {}});
  wire::Failure failure;
  ASSERT_TRUE(failure.ParseFromString(told().bytes()));
  EXPECT_EQ(failure.message(), "the future was cancelled");
  EXPECT_EQ(failure.worker(), "w1");
}

TEST_F(ValueAnswersTest, ALargeValueIsToldWhenItIsHereWithItsPlace) {
  answer(large());
  EXPECT_TRUE(sent_.empty());
  comes();
  EXPECT_EQ(told().object(), 77u);
  EXPECT_EQ(told().offset(), 4'096u);
  EXPECT_EQ(told().size(), 1'000u);
}

TEST_F(ValueAnswersTest, AnAnswerThatNeedsNoValueBringsNone) {
  action::Ready ready;
  ready.to = {1, 0};
  ready.only_small = true;
  ready.outcome = std::make_shared<control::Outcome>(large());
  values_.carry_out(ready);
  EXPECT_EQ(told().size(), 1'000u);
  EXPECT_EQ(told().object(), 0u);
}

TEST_F(ValueAnswersTest, AValueThatNobodyWaitsForAnyMoreIsLetGo) {
  answer(large());
  waits_ = false;
  comes();
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(unpinned_, std::vector<std::uint64_t>{77});
}

TEST_F(ValueAnswersTest, ALostValueLeavesTheQuestionOpen) {
  answer(large());
  fails({control::FailureKind::kLost, "gone", true});
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(lost_, std::vector<std::uint64_t>{3});
}

TEST_F(ValueAnswersTest, ATaskThatFindsNoRoomSinceOthersHoldItIsNoted) {
  answer(large(), {0, 4});
  fails({control::FailureKind::kNoRoom, "no room", false, true});
  EXPECT_EQ(told().failure(), static_cast<std::uint32_t>(control::FailureKind::kNoRoom));
  EXPECT_EQ(no_room_, std::vector<ExecutorId>{4});
  values_.reserve({0, 5}, "");
  fails({control::FailureKind::kNoRoom, "no room", false, true});
  EXPECT_EQ(sent_.at(1).as<wire::Reserved>().error(), "no room");
  EXPECT_EQ(no_room_, (std::vector<ExecutorId>{4, 5}));
  values_.reserve({1, 0}, "");
  fails({control::FailureKind::kNoRoom, "no room", false, true});
  EXPECT_EQ(no_room_.size(), 2u) << "a driver is not tried again";
}

TEST_F(ValueAnswersTest, WhatIsPutMustBeItsOwnUnlessItsWorkerDied) {
  wire::Put put;
  put.set_object(77);
  put.set_size(1'000);
  const Brain::Asker asker{{1, 0}, 0, 1, false};
  wire::Put own = put;
  values_.put(asker, own, "p", 5);
  EXPECT_EQ(put_->object.number, 77u);
  EXPECT_EQ(put_->object.maker, 7u);
  seals_ = false;
  wire::Put foreign = put;
  EXPECT_THROW(values_.put(asker, foreign, "p", 5), wire::ProtocolError);
  put.set_resent(true);
  values_.put(asker, put, "p", 5);
  EXPECT_EQ(put_->failure, control::FailureKind::kLost);
}

TEST_F(ValueAnswersTest, PinsOfADriverLastUntilItsProcessIsDead) {
  values_.driver_came(1, wire::Fd(dup(0)));
  values_.driver_maps(1);
  values_.driver_gone(1);
  EXPECT_TRUE(gone_.empty());
  death_();
  EXPECT_EQ(gone_, std::vector<ProcessId>{kDriverBit | 1});
}

TEST_F(ValueAnswersTest, ADriverThatReadsNothingIsNotWaitedFor) {
  values_.driver_came(1, wire::Fd(dup(0)));
  values_.driver_gone(1);
  EXPECT_EQ(gone_.size(), 1u) << "it never had the memory";
  values_.driver_came(2, wire::Fd(dup(0)));
  values_.driver_maps(2);
  wire::Unpin all;
  all.set_all(true);
  values_.unpin({2, 0}, all.SerializeAsString());
  values_.driver_gone(2);
  EXPECT_FALSE(death_) << "it had let go all of it";
}

}  // namespace
}  // namespace morrow::worker
