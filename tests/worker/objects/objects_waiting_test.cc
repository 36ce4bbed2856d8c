// SPDX-License-Identifier: Apache-2.0
// Objects when there is no room: those that wait, and a machine without memory.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "tests/worker/objects/objects_fixture.h"

namespace morrow::worker {
namespace {

TEST_F(ObjectsTest, RoomIfFreeMovesNothingOut) {
  for (int i = 0; i < 4; ++i) made(i);
  auto answer = std::make_shared<Answer>();
  objects_->reserve(2, kMega, into(answer), true);
  EXPECT_TRUE(answer->here);
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(objects_->usage().spilled, 0U);
}

TEST_F(ObjectsTest, ASmallOneDoesNotStandStillBehindALargeOne) {
  wait(ask_room(1, 2 * kMega));
  const auto large = ask_room(2, 3 * kMega);
  const auto small = ask_room(3, 100'000);
  EXPECT_TRUE(small->here && small->ok());
  EXPECT_FALSE(large->here);
}

TEST_F(ObjectsTest, OfThoseWhoHoldRoomFromEachOtherOnlyOneFails) {
  // Both have half, and want the other half.
  wait(ask_room(1, 2 * kMega));
  const Answer other = wait(ask_room(2, 2 * kMega));
  const auto one = ask_room(1, 2 * kMega);
  const auto two = ask_room(2, 2 * kMega);
  EXPECT_FALSE(wait(one).ok());
  EXPECT_FALSE(two->here);
  objects_->gone(1);  // as a task that fails lets go what it had
  EXPECT_TRUE(wait(two).ok());
}

TEST_F(ObjectsTest, TasksThatHoldRoomFromEachOtherAreSetFreeLongBeforeTheirTimeIsOver) {
  options_.room_within_ms = 100'000;
  open();
  const std::uint64_t number = made(1);
  const Answer pinned = wait(ask(1, number));
  wait(ask_room(2, 2 * kMega));
  const auto one = ask_room(1, 2 * kMega);
  const auto two = ask_room(2, 2 * kMega);
  const Answer given_up = wait(two);  // the last one that came
  EXPECT_FALSE(given_up.ok());
  EXPECT_TRUE(given_up.problem.contended);
  bool through = false;
  objects_->after_waiting([&] { through = true; });
  EXPECT_FALSE(until([&] { return through; }, std::chrono::milliseconds(50)));
  objects_->gone(2);
  EXPECT_TRUE(wait(one).ok());
  EXPECT_TRUE(until([&] { return through; }));
}

TEST_F(ObjectsTest, WhoWaitsForADriverAloneIsNotTriedAgain) {
  objects_->came(kDriverBit | 1);
  wait(ask_room(kDriverBit | 1, 4 * kMega));
  const Answer none = wait(ask_room(1, kMega));
  EXPECT_FALSE(none.ok());
  EXPECT_FALSE(none.problem.contended);
}

TEST_F(ObjectsTest, TheTimeOfOneWhoWaitsRunsSinceItIsTheFirst) {
  wait(ask_room(1, 4 * kMega));
  const auto first = ask_room(2, kMega);
  const auto second = ask_room(3, 4 * kMega);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(wait(first).ok());
  EXPECT_FALSE(wait(second).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(ObjectsTest, WhoAsksForAMomentOnlyMakesWayForWhoWaits) {
  options_.room_within_ms = 10'000;
  open();
  const std::uint64_t held = made(1, 2 * kMega);
  const std::uint64_t other = made(2, 2 * kMega);
  const std::uint64_t third = made(3, 2 * kMega);  // one of the others went to disk for it
  const std::uint64_t on_disk = seen(held).in_memory ? other : held;
  wait(ask(2, on_disk == held ? other : held));
  wait(ask(3, third));
  const auto large = ask_room(1, 4 * kMega);
  auto brief = std::make_shared<Answer>();
  objects_->want(2, {1, on_disk}, {on_disk, 2 * kMega, 0}, into(brief), true);
  EXPECT_FALSE(wait(brief).ok());
  EXPECT_FALSE(large->here);
  // It lets go what it has, and so do the others: the one that waits is served.
  objects_->gone(2);
  objects_->gone(3);
  EXPECT_TRUE(wait(large).ok());
}

/// The machine has memory for so much of it.
class SmallMachine : public ObjectsTest {
 protected:
  SmallMachine() {
    options_.memory = 200 * kMega;
    options_.grow_again_ms = 200;
    options_.room_within_ms = 3000;
    options_.before_growth = [this](std::uint64_t end) {
      if (end > has_) throw data::OutOfMemory("the machine has no memory left");
    };
    open();
  }
  std::atomic<std::uint64_t> has_ = 64 * kMega;
};

TEST_F(SmallMachine, WhatIsIdleGoesToDiskWhenTheMachineHasNoMemory) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 12; ++i) all.push_back(made(i, 10 * kMega));
  EXPECT_GT(objects_->usage().spilled, 0U);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(byte_of(wait(ask(2, all[static_cast<std::size_t>(i)], 10 * kMega))), i);
    objects_->unpin(2, all[static_cast<std::size_t>(i)]);
  }
}

TEST_F(SmallMachine, WhatItCanNotHoldFailsWithThatSentenceUntilThereIsMemoryAgain) {
  made(1, 10 * kMega);
  const Answer none = wait(ask_room(2, 100 * kMega));
  EXPECT_NE(none.problem.sentence.find("the machine has no memory left"), std::string::npos) << none.problem.sentence;
  has_ = 200 * kMega;
  bool ok = false;
  EXPECT_TRUE(until([&] { return ok = ok || wait(ask_room(2, 100 * kMega)).ok(); }));
}

TEST_F(SmallMachine, WhoWaitsForHeldMemoryIsToldWhyThereIsNoMore) {
  options_.room_within_ms = 500;
  open();
  wait(ask_room(2, 30 * kMega));
  wait(ask_room(3, 30 * kMega));
  const Answer none = wait(ask_room(1, 20 * kMega));
  EXPECT_NE(none.problem.sentence.find("the machine has no memory left"), std::string::npos) << none.problem.sentence;
}

TEST_F(ObjectsTest, TheSentenceNamesTheLargestFreePiece) {
  std::vector<Answer> all;
  for (int i = 0; i < 4; ++i) all.push_back(wait(ask_room(1, kMega)));
  objects_->unpin(1, all[0].place.number);
  objects_->unpin(1, all[2].place.number);
  const Answer none = wait(ask_room(2, 2 * kMega));
  EXPECT_NE(none.problem.sentence.find("2.0 MB free, the largest piece 1.0 MB"), std::string::npos)
      << none.problem.sentence;
}

TEST_F(ObjectsTest, ValuesThatNeverFitTogetherAreKnownBeforeTheyAreAskedFor) {
  EXPECT_FALSE(objects_->never_fit(4 * kMega));
  EXPECT_NE(objects_->never_fit(5 * kMega)->sentence.find("together they need 5.2 MB"), std::string::npos);
}

TEST_F(ObjectsTest, WhatIsIdleIsNotHeld) {
  EXPECT_FALSE(objects_->anything_held());
  const std::uint64_t number = made(1);
  EXPECT_FALSE(objects_->anything_held());
  wait(ask(2, number));
  EXPECT_TRUE(objects_->anything_held());
  objects_->gone(2);
  EXPECT_FALSE(objects_->anything_held());
  wait(ask_room(3, kMega));
  EXPECT_TRUE(objects_->anything_held());
}

TEST_F(ObjectsTest, WhatIsPublishedGivesWayAtOnceToWhoWaits) {
  const Answer room = wait(ask_room(1, 4 * kMega));
  const auto waits = ask_room(2, kMega);
  io_.run_for(std::chrono::milliseconds(10));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(objects_->seal(1, room.place.number, 1000, {{1, 1}}, false));
  EXPECT_TRUE(wait(waits).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

TEST_F(ObjectsTest, WhatIsLargerThanAllOfItIsRefusedAtOnce) {
  const Answer none = wait(ask_room(1, 5 * kMega));
  EXPECT_NE(none.problem.sentence.find("--object-memory"), std::string::npos) << none.problem.sentence;
}

}  // namespace
}  // namespace morrow::worker
