// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/objects.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "tests/worker/objects/objects_fixture.h"

namespace morrow::worker {
namespace {

namespace fs = std::filesystem;
using control::FailureKind;

TEST_F(ObjectsTest, TheLeastRecentlyUsedGoesToDiskAndComesBackAsItWas) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 4; ++i) all.push_back(made(i));
  const Answer first = wait(ask(2, all[0]));  // used: the second is the oldest now
  EXPECT_EQ(byte_of(first), 0);
  objects_->unpin(2, all[0]);
  all.push_back(made(4));
  EXPECT_TRUE(seen(all[0]).in_memory);
  // The two oldest are written at once, by two threads, and the room of the one that is there first is taken.
  EXPECT_TRUE(seen(all[1]).on_disk || seen(all[2]).on_disk);
  EXPECT_FALSE(seen(all[1]).in_memory && seen(all[2]).in_memory);
  EXPECT_TRUE(seen(all[3]).in_memory);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(byte_of(wait(ask(2, all[i]))), static_cast<int>(i));
    objects_->unpin(2, all[i]);
  }
}

TEST_F(ObjectsTest, WhatADeadProcessAwaitedStaysWhereItIsAndComesForTheNext) {
  const std::uint64_t number = made(7, 4 * kMega);
  const Answer all = wait(ask_room(1, 4 * kMega));
  ASSERT_TRUE(seen(number).on_disk && !seen(number).in_memory);
  const auto dead = ask(2, number, 4 * kMega);
  const auto dead_copy = ask(2, 77, 4 * kMega);
  objects_->gone(2);
  EXPECT_EQ(seen(77).number, 0U) << "nobody wants it any more";
  objects_->unpin(1, all.place.number);
  EXPECT_EQ(objects_->usage().used, 0U) << "the dead one gets none of it";
  EXPECT_EQ(byte_of(wait(ask(3, number, 4 * kMega))), 7);
  EXPECT_FALSE(dead->here || dead_copy->here);
  EXPECT_EQ(fetches_, 0);
}

TEST_F(ObjectsTest, WhoHoldsRoomAndWhoWaitsForItIsKnown) {
  const std::uint64_t first = made(0);
  wait(ask(1, first));
  wait(ask(2, first));
  wait(ask(2, made(1)));
  wait(ask_room(3, 2 * kMega));
  EXPECT_EQ(objects_->waits_for_room(1), 0U);
  const auto late = ask_room(1, 2 * kMega);
  EXPECT_EQ(objects_->waits_for_room(1), 2 * kMega);
  const auto holders = objects_->holders();
  ASSERT_EQ(holders.size(), 3U);
  EXPECT_EQ(holders[0].process, 2U);
  EXPECT_EQ(holders[0].bytes, 2 * kMega);
  EXPECT_EQ(holders[1].process, 3U);
  EXPECT_EQ(holders[1].bytes, 2 * kMega);
  EXPECT_EQ(holders[2].process, 1U);
  EXPECT_EQ(holders[2].bytes, kMega);
  EXPECT_FALSE(wait(late).ok());
  EXPECT_EQ(objects_->waits_for_room(1), 0U);
}

TEST_F(ObjectsTest, WhatAProcessLooksAtStaysWhereItIs) {
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(made(i));
    wait(ask(2, all.back()));
  }
  const Answer none = wait(ask_room(1, kMega));
  EXPECT_FALSE(none.ok());
  EXPECT_EQ(none.problem.kind, FailureKind::kNoRoom);
  EXPECT_NE(none.problem.sentence.find("in use by tasks and drivers"), std::string::npos) << none.problem.sentence;
  // The process dies: there is room again.
  const auto waits = ask_room(1, kMega);
  objects_->gone(2);
  EXPECT_TRUE(wait(waits).ok());
}

TEST_F(ObjectsTest, RoomThatIsNotFilledGoesWithItsProcess) {
  wait(ask_room(3, 4 * kMega));
  objects_->gone(3);
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsTest, AProcessThatIsGoneGetsAndHoldsNothingAnyMore) {
  const std::uint64_t number = made(1);
  objects_->gone(2);
  // What was queued for it comes after its end.
  const auto room = ask_room(2, kMega);
  const auto look = ask(2, number);
  const auto other = ask(2, 77);
  EXPECT_FALSE(room->here || look->here || other->here);
  EXPECT_EQ(seen(number).readers, 0U);
  EXPECT_EQ(fetches_, 0);
  objects_->free(number);
  EXPECT_EQ(objects_->usage().used, 0U);
}

TEST_F(ObjectsTest, RoomForADriverOnAnotherHostIsGivenBackUnlessItIsHandedOver) {
  std::optional<Objects::Incoming> room;
  const auto take = [&](std::optional<Objects::Incoming> incoming, const std::string&) { room = std::move(incoming); };
  objects_->receive(kMega, take);
  ASSERT_TRUE(until([&] { return room.has_value(); }));
  EXPECT_NE(objects_->usage().used, 0U);
  std::thread([&] { room.reset(); }).join();  // on any thread
  EXPECT_TRUE(until([&] { return objects_->usage().used == 0; }));
  objects_->receive(kMega, take);
  ASSERT_TRUE(until([&] { return room.has_value(); }));
  const std::uint64_t number = room->number;
  EXPECT_TRUE(objects_->hand_over(number, 2));
  room.reset();
  until([] { return false; }, std::chrono::milliseconds(50));
  EXPECT_TRUE(objects_->seal(2, number, kMega, {{1, number}}, false));
}

TEST_F(ObjectsTest, PeopleSeeAllThatHoldsMemory) {
  const Answer room = wait(ask_room(1, kMega));
  EXPECT_STREQ(seen(room.place.number).state, "being written");
  EXPECT_TRUE(seen(room.place.number).in_memory);
  EXPECT_TRUE(objects_->seal(1, room.place.number, kMega, {{1, 1}}, false));
  EXPECT_STREQ(seen(room.place.number).state, "");
}

TEST_F(ObjectsTest, NobodyPublishesWhatIsAnothersToWrite) {
  const Answer room = wait(ask_room(1, kMega));
  EXPECT_FALSE(objects_->seal(2, room.place.number, kMega, {{1, 1}}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 2 * kMega, {{1, 1}}, false));
  EXPECT_TRUE(objects_->seal(1, room.place.number, 1000, {{1, 1}}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 1000, {{1, 1}}, false));  // once
}

TEST_F(ObjectsTest, AFreedObjectStaysForThoseWhoLookAtIt) {
  const std::uint64_t number = made(9);
  const Answer look = wait(ask(2, number));
  objects_->free(number);
  EXPECT_EQ(byte_of(look), 9);
  EXPECT_GE(objects_->usage().used, kMega);
  EXPECT_STREQ(seen(number).state, "freed, still read");
  objects_->unpin(2, number);
  EXPECT_EQ(objects_->usage().used, 0U);
}

TEST_F(ObjectsTest, FreeingWhatIsOnDiskRemovesItsFile) {
  const std::uint64_t number = made(1);
  for (int i = 0; i < 4; ++i) made(i);
  ASSERT_TRUE(until([&] { return seen(number).on_disk; }));
  const std::uint64_t before = objects_->usage().spilled;
  EXPECT_TRUE(fs::exists(file_of(number)));
  objects_->free(number);
  EXPECT_FALSE(fs::exists(file_of(number)));
  EXPECT_LT(objects_->usage().spilled, before);
}

TEST_F(ObjectsTest, ManyWhoWantAValueFromAnotherWorkerCostOneTransfer) {
  const auto one = ask(1, 77);
  const auto two = ask(2, 77);
  const auto three = ask(3, 77);
  for (const AnswerPtr& answer : {one, two, three}) EXPECT_EQ(byte_of(wait(answer)), 77);
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(copied_, std::vector<std::uint64_t>{77});
  EXPECT_EQ(byte_of(wait(ask(1, 77))), 77);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(ObjectsTest, AValueThatNobodyHasIsAFailureAndLeavesNothing) {
  const Answer answer = wait(ask(1, 404));
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.problem.sentence, "nobody has it");
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsTest, AFlippedBitOnDiskIsFoundSaidAndAnotherCopyIsUsed) {
  const std::uint64_t number = made(1);
  // Two are written to disk at once, and which of them is done first is not said.
  for (int i = 0; i < 100 && seen(number).in_memory; ++i) made(i);
  std::fstream file(file_of(number), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(60);
  file.put('\x5a');
  file.close();
  const Answer answer = wait(ask(2, number));
  ASSERT_TRUE(answer.ok()) << answer.problem.sentence;
  EXPECT_EQ(byte_of(answer), static_cast<int>(number & 0xff));  // as the other worker has it
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(dropped_, 1);
  EXPECT_FALSE(log_.empty());
}

}  // namespace
}  // namespace morrow::worker
