// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/task_starter.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

constexpr ExecutorId kExecutor = 4;

class TaskStarterTest : public ::testing::Test {
 protected:
  struct Wanted {
    std::uint64_t object = 0;
    Objects::Then then;
  };
  struct Given {
    control::Claim claim = 0;
    std::vector<std::uint64_t> objects;
  };
  TaskStarterTest() { starter_.executor_came(kExecutor); }

  TaskStarter::Means means() {
    return {
        .want =
            [this](ProcessId, control::FutureId, const control::ObjectRef& object, Objects::Then then, bool) {
              wanted_.push_back({object.number, std::move(then)});
            },
        .unpin = [this](ExecutorId, std::uint64_t object) { unpinned_.push_back(object); },
        .prefetch = [this](control::FutureId,
                           const control::ObjectRef& object) { prefetched_.push_back(object.number); },
        .never_fit = [this](std::uint64_t bytes) -> std::optional<ObjectProblem> {
          if (bytes <= memory_) return std::nullopt;
          return ObjectProblem{control::FailureKind::kNoRoom, "too large"};
        },
        .anything_held = [this] { return held_; },
        .give =
            [this](const action::Dispatch& dispatch, const std::vector<DependencyPlace>& places) {
              Given given{dispatch.task.claim, {}};
              for (const DependencyPlace& one : places) given.objects.push_back(one.place.number);
              given_.push_back(given);
            },
        .take_back = [this](ExecutorId, std::uint32_t, std::uint32_t) { return taken_back_; },
        .after = [this](std::uint64_t, std::function<void()> then) { timers_.push_back(std::move(then)); },
        .clock_ms = [this] { return now_ms_; },
    };
  }
  TaskStarter::Events events() {
    return {
        .task_done = [this](ExecutorId, Brain::Done done) { failed_.push_back(std::move(done)); },
        .revoked = [this](ExecutorId, std::uint32_t, std::uint32_t, bool back) { revoked_.push_back(back); },
    };
  }

  /// A task of this claim that depends on objects of these sizes; an object's number is its size.
  void dispatch(control::Claim claim, const std::vector<std::uint64_t>& sizes, bool nested = false) {
    auto spec = std::make_shared<control::Spec>();
    action::Dispatch dispatch;
    dispatch.executor = kExecutor;
    dispatch.slot = static_cast<std::uint32_t>(claim);
    dispatch.generation = 1;
    dispatch.nested = nested;
    for (const std::uint64_t size : sizes) {
      auto outcome = std::make_shared<control::Outcome>();
      outcome->object = {size, size, 1};
      dispatch.task.dependencies.push_back(outcome);
      spec->dependencies.push_back({1, size});
    }
    dispatch.task.claim = claim;
    dispatch.task.spec = spec;
    starter_.carry_out(dispatch);
  }
  void revoke(control::Claim claim) {
    action::Revoke revoke{kExecutor, static_cast<std::uint32_t>(claim), 1};
    starter_.carry_out(revoke);
  }
  Wanted take_wanted() {
    Wanted one = wanted_.at(0);
    wanted_.erase(wanted_.begin());
    return one;
  }
  void comes() {
    const Wanted one = take_wanted();
    const ObjectPlace place{one.object, {0, one.object}};
    one.then(&place, nullptr);
  }
  void fails(ObjectProblem problem) { take_wanted().then(nullptr, &problem); }
  void lacks_room() { fails({control::FailureKind::kNoRoom, "no room", false, true}); }
  void pass_pause() {
    const auto then = timers_.at(0);
    timers_.erase(timers_.begin());
    then();
  }
  std::vector<control::Claim> given() const {
    std::vector<control::Claim> claims;
    for (const Given& one : given_) claims.push_back(one.claim);
    return claims;
  }

  std::uint64_t memory_ = 100 << 20;
  bool held_ = true;
  bool taken_back_ = false;
  std::uint64_t now_ms_ = 1;
  std::vector<Wanted> wanted_;
  std::vector<Given> given_;
  std::vector<std::uint64_t> unpinned_, prefetched_;
  std::vector<std::function<void()>> timers_;
  std::vector<Brain::Done> failed_;
  std::vector<bool> revoked_;
  TaskStarter starter_{means(), {"w1", 1'000}, events()};
};

using Claims = std::vector<control::Claim>;
using Numbers = std::vector<std::uint64_t>;

TEST_F(TaskStarterTest, ATaskWithNoLargeValueIsGivenAtOnce) {
  dispatch(1, {});
  EXPECT_EQ(given(), Claims{1});
  EXPECT_EQ(starter_.handed(kExecutor).size(), 1u);
  EXPECT_NE(starter_.given(kExecutor, 1), nullptr);
  starter_.ended(kExecutor, 1);
  EXPECT_TRUE(starter_.handed(kExecutor).empty());
}

TEST_F(TaskStarterTest, ATaskIsGivenOnlyWhenAllItsValuesAreHere) {
  dispatch(1, {500, 900});
  EXPECT_EQ(wanted_.at(0).object, 900u) << "the largest first";
  comes();
  EXPECT_TRUE(given_.empty());
  EXPECT_NE(starter_.handed(kExecutor, 1), nullptr);
  EXPECT_EQ(starter_.given(kExecutor, 1), nullptr) << "its process does not know of it";
  comes();
  ASSERT_EQ(given(), Claims{1});
  EXPECT_EQ(given_[0].objects, (Numbers{900, 500}));
}

TEST_F(TaskStarterTest, AnExecutorGetsItsTasksInTheirOrder) {
  dispatch(1, {500});
  dispatch(2, {});
  dispatch(3, {600});
  EXPECT_EQ(wanted_.size(), 1u) << "only the task whose turn it is holds values";
  EXPECT_EQ(prefetched_, Numbers{600});
  comes();
  EXPECT_EQ(given(), (Claims{1, 2}));
  comes();
  EXPECT_EQ(given(), (Claims{1, 2, 3}));
}

TEST_F(TaskStarterTest, ATaskOnTopOfAWaitDoesNotWaitBehindOthers) {
  dispatch(1, {500});
  dispatch(2, {}, true);
  EXPECT_EQ(given(), Claims{2});
}

TEST_F(TaskStarterTest, LargeValuesAreNotHeldByATaskThatWaitsBehindABusyOne) {
  dispatch(1, {});
  dispatch(2, {2 << 20});
  comes();
  EXPECT_EQ(given(), Claims{1});
  starter_.ended(kExecutor, 1);
  starter_.start_ready(kExecutor);
  EXPECT_EQ(given(), (Claims{1, 2}));
}

TEST_F(TaskStarterTest, ATaskThatLacksRoomLetsGoWhatItHasAndTriesAgainTheOtherWayRound) {
  dispatch(1, {500, 900});
  comes();
  lacks_room();
  EXPECT_EQ(unpinned_, Numbers{900});
  ASSERT_EQ(timers_.size(), 1u);
  EXPECT_TRUE(wanted_.empty());
  pass_pause();
  ASSERT_EQ(wanted_.size(), 2u);
  EXPECT_EQ(wanted_[0].object, 500u);
  comes();
  comes();
  EXPECT_EQ(given(), Claims{1});
  EXPECT_TRUE(failed_.empty());
}

TEST_F(TaskStarterTest, WhatComesAfterTheRoomWasFoundMissingIsLetGoToo) {
  dispatch(1, {500, 900});
  lacks_room();
  EXPECT_TRUE(timers_.empty()) << "an answer is missing";
  comes();
  EXPECT_EQ(unpinned_, Numbers{500});
  EXPECT_EQ(timers_.size(), 1u);
}

TEST_F(TaskStarterTest, ItIsNotTriedForEverWhenNobodyHoldsMemory) {
  held_ = false;
  dispatch(1, {500});
  for (int i = 0; i < 2; ++i) {
    lacks_room();
    pass_pause();
  }
  lacks_room();
  EXPECT_TRUE(timers_.empty());
  ASSERT_EQ(failed_.size(), 1u);
  EXPECT_TRUE(failed_[0].unstarted);
  EXPECT_EQ(failed_[0].outcome->failure, control::FailureKind::kNoRoom);
  EXPECT_TRUE(starter_.handed(kExecutor).empty());
}

TEST_F(TaskStarterTest, ItIsTriedForAsLongAsOthersHoldMemoryAndTheTimeLasts) {
  dispatch(1, {500});
  for (int i = 0; i < 20; ++i) {
    lacks_room();
    pass_pause();
  }
  EXPECT_TRUE(failed_.empty());
  now_ms_ += 10'000;
  lacks_room();
  EXPECT_EQ(failed_.size(), 1u);
}

TEST_F(TaskStarterTest, WhatCanNeverFitFailsAtOnce) {
  memory_ = 100;
  dispatch(1, {60, 60});
  EXPECT_TRUE(failed_.empty()) << "the same value twice takes room once";
  dispatch(2, {60, 70});
  comes();
  comes();
  starter_.ended(kExecutor, 1);
  starter_.start_ready(kExecutor);
  ASSERT_EQ(failed_.size(), 1u);
  EXPECT_EQ(failed_[0].claim, 2u);
}

TEST_F(TaskStarterTest, ALostValueIsNamedSoThatItIsComputedAgain) {
  dispatch(1, {500});
  fails({control::FailureKind::kLost, "gone", true});
  ASSERT_EQ(failed_.size(), 1u);
  EXPECT_EQ(failed_[0].lost.object, 500u);
  EXPECT_EQ(failed_[0].lost.future, (control::FutureId{1, 500}));
}

TEST_F(TaskStarterTest, ATaskThatIsTakenBackLetsGoItsValuesAndTheNextHasItsTurn) {
  dispatch(1, {500, 900});
  dispatch(2, {});
  comes();
  revoke(1);
  EXPECT_EQ(revoked_, std::vector<bool>{true});
  EXPECT_EQ(unpinned_, Numbers{900});
  EXPECT_EQ(given(), Claims{2});
  comes();
  EXPECT_EQ(unpinned_, (Numbers{900, 500})) << "what comes late is let go";
  EXPECT_EQ(given(), Claims{2});
}

TEST_F(TaskStarterTest, ATaskThatItsProcessHasBegunIsNotTakenBack) {
  dispatch(1, {});
  revoke(1);
  taken_back_ = true;
  dispatch(2, {});
  revoke(2);
  EXPECT_EQ(revoked_, (std::vector<bool>{false, true}));
  ASSERT_EQ(starter_.handed(kExecutor).size(), 1u);
  EXPECT_EQ(starter_.handed(kExecutor)[0].claim, 1u);
}

TEST_F(TaskStarterTest, AnswersForAnExecutorThatIsGoneAreNobodys) {
  dispatch(1, {500});
  starter_.executor_gone(kExecutor);
  comes();
  EXPECT_TRUE(given_.empty());
  dispatch(2, {});
  EXPECT_TRUE(given_.empty());
  revoke(2);
  EXPECT_EQ(revoked_, std::vector<bool>{false});
}

using TaskStarterDeathTest = TaskStarterTest;

TEST_F(TaskStarterDeathTest, TheEndOfATaskThatWasNeverGivenIsAMistakeOfTheWorker) {
  EXPECT_DEATH(starter_.ended(kExecutor, 9), "a task that ends was given to its executor; .*executor = 4, claim = 9");
}

}  // namespace
}  // namespace morrow::worker
