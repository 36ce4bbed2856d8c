// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/hand_over.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/others_fixture.h"

namespace morrow::worker {
namespace {

class HandOverTest : public OthersTest {
 protected:
  void hand_over(std::vector<control::HeldValue> held, std::uint64_t within_ms = 30'000) {
    hand_over_ = std::make_unique<HandOver>(
        HandOver::Means{.post = store_.post(),
                        .have_copied = have_copied(),
                        .endpoint_of = &endpoint_of,
                        .after = after(),
                        .clock_ms = [this] { return now_ms_; },
                        .note = [this](const std::string& sentence) { notes_.push_back(sentence); },
                        .say = [this](const std::string& sentence) { said_ += sentence + "\n"; },
                        .warn = [this](const std::string& sentence) { warned_ += sentence + "\n"; }},
        HandOver::Options{7, within_ms});
    hand_over_->start(std::move(held), [this] { done_ = true; });
    run();
    EXPECT_TRUE(done_);
  }
  std::size_t holders(const control::HeldValue& value) {
    return control::object_holders(store_.store, value.future, value.number).size();
  }

  std::unique_ptr<HandOver> hand_over_;
  std::vector<std::string> notes_;
  std::string said_, warned_;
  bool done_ = false;
};

TEST_F(HandOverTest, AllThatOnlyThisWorkerHasIsWithOthersAndWhatWasPutGoesFirst) {
  join(8);
  join(9);
  std::vector<control::HeldValue> held;
  for (std::uint64_t number = 1; number <= 10; ++number) held.push_back(made(number, number <= 5));
  hand_over(held);
  for (const control::HeldValue& value : held) EXPECT_EQ(holders(value), 2U);
  ASSERT_EQ(asked_.size(), 10U);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_GT(asked_[i], 5U) << "of " << asked_.size();
  EXPECT_NE(said_.find("10 values (10 MB) handed over"), std::string::npos) << said_;
  EXPECT_EQ(notes_.size(), 10U);
  EXPECT_EQ(warned_, "");
}

TEST_F(HandOverTest, WhatOthersHaveOrNobodyNeedsIsNotAskedFor) {
  join(8);
  const auto copied = made(1);
  commit(8, {control::op::AddReplica{copied.future, copied.number}});
  hand_over({copied, {{kSession, 99}, 99, 1000}});
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(said_ + warned_, "");
}

TEST_F(HandOverTest, AFullWorkerIsPassedByAndOneThatIsSilentIsBelievedWhenTheStoreSaysSo) {
  join(8);
  join(9);
  full_ = {8};
  silent_ = {9};
  std::vector<control::HeldValue> held;
  for (std::uint64_t number = 1; number <= 6; ++number) held.push_back(made(number));
  hand_over(held);
  for (const control::HeldValue& value : held) EXPECT_EQ(holders(value), 2U);
  EXPECT_EQ(warned_, "");
}

TEST_F(HandOverTest, WhenNobodyHasRoomItIsSaidAndTheWorkerEnds) {
  join(8);
  full_ = {8};
  hand_over({made(1), made(2, true)});
  EXPECT_NE(warned_.find("2 values (2 MB) that only this worker has could not be handed over: no other worker takes "
                         "them; 1 of them tasks compute again when they are needed"),
            std::string::npos)
      << warned_;
  EXPECT_NE(notes_.at(0).find("worker w8: no room"), std::string::npos) << notes_.at(0);
}

TEST_F(HandOverTest, TheLastWorkerEndsAtOnceAndSaysWhatIsLost) {
  hand_over({made(1)});
  EXPECT_EQ(now_ms_, 1'000U);
  EXPECT_NE(warned_.find("no other worker is there to take them"), std::string::npos) << warned_;
}

TEST_F(HandOverTest, ItTakesNoLongerThanItMay) {
  join(8);
  std::vector<control::HeldValue> held;
  for (std::uint64_t number = 1; number <= 1'000; ++number) held.push_back(made(number));
  hand_over(held, 200);
  EXPECT_LE(now_ms_, 1'300U);
  EXPECT_NE(warned_.find("the time for it (--hand-over-s) is over"), std::string::npos) << warned_;
}

}  // namespace
}  // namespace morrow::worker
