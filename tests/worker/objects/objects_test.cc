// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/objects.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <boost/asio/post.hpp>

namespace morrow::worker {
namespace {

namespace fs = std::filesystem;
using control::FailureKind;

constexpr std::uint64_t kMega = 1 << 20;

/// Objects of a worker with 4 MiB of memory; 1, 2 and 3 are processes.
class ObjectsRoom : public ::testing::Test {
 protected:
  ObjectsRoom() {
    std::string name = "/tmp/morrow-objects-XXXXXX";
    folder_ = mkdtemp(name.data());
    options_.memory = 4 * kMega;
    options_.spill_folder = folder_;
    options_.owner = "one";
    options_.room_within_ms = 300;
    open();
  }
  /// With other options than before.
  void open() {
    view_.reset();
    objects_.reset();
    Objects::Events events;
    events.fetch = [this](control::FutureId, const control::ObjectRef& object, std::span<std::byte> into, auto done) {
      ++fetches_;
      boost::asio::post(io_, [this, object, into, done] {
        if (object.number == 404) return done(true, "nobody has it");
        std::fill(into.begin(), into.end(), static_cast<std::byte>(object.number));
        done(false, "");
      });
    };
    events.copied = [this](control::FutureId, std::uint64_t object) { copied_.push_back(object); };
    events.dropped = [this](control::FutureId) { ++dropped_; };
    events.log = [this](const std::string& line) { log_ += line + "\n"; };
    objects_ = std::make_unique<Objects>(io_, options_, std::move(events));
    view_ = std::make_unique<data::ArenaView>(objects_->memory_fd());
    for (const ProcessId who : {1, 2, 3}) objects_->came(who);
  }
  ~ObjectsRoom() override {
    objects_.reset();
    EXPECT_TRUE(fs::is_empty(folder_)) << "something is left on disk";
    fs::remove_all(folder_);
  }

  template <class Done>
  bool until(Done done, std::chrono::milliseconds patience = std::chrono::seconds(30)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!done() && std::chrono::steady_clock::now() < end) {
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(20));
    }
    return done();
  }

  struct Answer {
    bool here = false;
    ObjectPlace place;
    ObjectProblem problem;
    bool ok() const { return place.number != 0; }
  };
  using AnswerPtr = std::shared_ptr<Answer>;
  static Objects::Then into(const AnswerPtr& answer) {
    return [answer](const ObjectPlace* place, const ObjectProblem* problem) {
      answer->here = true;
      if (place != nullptr) answer->place = *place;
      if (problem != nullptr) answer->problem = *problem;
    };
  }
  AnswerPtr ask_room(ProcessId who, std::uint64_t size) {
    auto answer = std::make_shared<Answer>();
    objects_->reserve(who, size, into(answer));
    return answer;
  }
  AnswerPtr ask(ProcessId who, std::uint64_t number, std::uint64_t size = kMega) {
    auto answer = std::make_shared<Answer>();
    objects_->want(who, {1, number}, {number, size, 0}, into(answer));
    return answer;
  }
  Answer wait(const AnswerPtr& answer) {
    EXPECT_TRUE(until([&] { return answer->here; }));
    return *answer;
  }

  /// A published object that nobody looks at, full of one byte.
  std::uint64_t made(int byte, std::uint64_t size = kMega) {
    const Answer room = wait(ask_room(1, size));
    EXPECT_TRUE(room.ok()) << room.problem.sentence;
    const auto bytes = view_->inside(room.place.extent);
    std::fill(bytes.begin(), bytes.end(), static_cast<std::byte>(byte));
    EXPECT_TRUE(objects_->seal(1, room.place.number, size, {1, room.place.number}, false));
    return room.place.number;
  }
  int byte_of(const Answer& answer) { return std::to_integer<int>(view_->bytes(answer.place.extent)[100]); }
  std::string file_of(std::uint64_t number) const {
    return fs::directory_iterator(folder_)->path().string() + "/" + std::to_string(number) + ".object";
  }
  ObjectSeen seen(std::uint64_t number) {
    for (const ObjectSeen& one : objects_->list()) {
      if (one.number == number) return one;
    }
    return {};
  }

  boost::asio::io_context io_;
  ObjectOptions options_;
  std::string folder_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<data::ArenaView> view_;
  int fetches_ = 0;
  int dropped_ = 0;
  std::vector<std::uint64_t> copied_;
  std::string log_;
};

TEST_F(ObjectsRoom, TheLeastRecentlyUsedGoesToDiskAndComesBackAsItWas) {
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

TEST_F(ObjectsRoom, WhatADeadProcessAwaitedStaysWhereItIsAndComesForTheNext) {
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

TEST_F(ObjectsRoom, WhatAProcessLooksAtStaysWhereItIs) {
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

TEST_F(ObjectsRoom, RoomThatIsNotFilledGoesWithItsProcess) {
  wait(ask_room(3, 4 * kMega));
  objects_->gone(3);
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsRoom, AProcessThatIsGoneGetsAndHoldsNothingAnyMore) {
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

TEST_F(ObjectsRoom, RoomForADriverOnAnotherHostIsGivenBackUnlessItIsHandedOver) {
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
  EXPECT_TRUE(objects_->seal(2, number, kMega, {1, number}, false));
}

TEST_F(ObjectsRoom, PeopleSeeAllThatHoldsMemory) {
  const Answer room = wait(ask_room(1, kMega));
  EXPECT_STREQ(seen(room.place.number).state, "being written");
  EXPECT_TRUE(seen(room.place.number).in_memory);
  EXPECT_TRUE(objects_->seal(1, room.place.number, kMega, {1, 1}, false));
  EXPECT_STREQ(seen(room.place.number).state, "");
}

TEST_F(ObjectsRoom, NobodyPublishesWhatIsAnothersToWrite) {
  const Answer room = wait(ask_room(1, kMega));
  EXPECT_FALSE(objects_->seal(2, room.place.number, kMega, {1, 1}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 2 * kMega, {1, 1}, false));
  EXPECT_TRUE(objects_->seal(1, room.place.number, 1000, {1, 1}, false));
  EXPECT_FALSE(objects_->seal(1, room.place.number, 1000, {1, 1}, false));  // once
}

TEST_F(ObjectsRoom, AFreedObjectStaysForThoseWhoLookAtIt) {
  const std::uint64_t number = made(9);
  const Answer look = wait(ask(2, number));
  objects_->free(number);
  EXPECT_EQ(byte_of(look), 9);
  EXPECT_GE(objects_->usage().used, kMega);
  EXPECT_STREQ(seen(number).state, "freed, still read");
  objects_->unpin(2, number);
  EXPECT_EQ(objects_->usage().used, 0U);
}

TEST_F(ObjectsRoom, FreeingWhatIsOnDiskRemovesItsFile) {
  const std::uint64_t number = made(1);
  for (int i = 0; i < 4; ++i) made(i);
  ASSERT_TRUE(until([&] { return seen(number).on_disk; }));
  const std::uint64_t before = objects_->usage().spilled;
  EXPECT_TRUE(fs::exists(file_of(number)));
  objects_->free(number);
  EXPECT_FALSE(fs::exists(file_of(number)));
  EXPECT_LT(objects_->usage().spilled, before);
}

TEST_F(ObjectsRoom, ManyWhoWantAValueFromAnotherWorkerCostOneTransfer) {
  const auto one = ask(1, 77);
  const auto two = ask(2, 77);
  const auto three = ask(3, 77);
  for (const AnswerPtr& answer : {one, two, three}) EXPECT_EQ(byte_of(wait(answer)), 77);
  EXPECT_EQ(fetches_, 1);
  EXPECT_EQ(copied_, std::vector<std::uint64_t>{77});
  EXPECT_EQ(byte_of(wait(ask(1, 77))), 77);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(ObjectsRoom, AValueThatNobodyHasIsAFailureAndLeavesNothing) {
  const Answer answer = wait(ask(1, 404));
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.problem.sentence, "nobody has it");
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->list().size(), 0U);
}

TEST_F(ObjectsRoom, AFlippedBitOnDiskIsFoundSaidAndAnotherCopyIsUsed) {
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

TEST_F(ObjectsRoom, RoomIfFreeMovesNothingOut) {
  for (int i = 0; i < 4; ++i) made(i);
  auto answer = std::make_shared<Answer>();
  objects_->reserve(2, kMega, into(answer), true);
  EXPECT_TRUE(answer->here);
  EXPECT_FALSE(answer->ok());
  EXPECT_EQ(objects_->usage().spilled, 0U);
}

TEST_F(ObjectsRoom, ASmallOneDoesNotStandStillBehindALargeOne) {
  wait(ask_room(1, 2 * kMega));
  const auto large = ask_room(2, 3 * kMega);
  const auto small = ask_room(3, 100'000);
  EXPECT_TRUE(small->here && small->ok());
  EXPECT_FALSE(large->here);
}

TEST_F(ObjectsRoom, OfThoseWhoHoldRoomFromEachOtherOnlyOneFails) {
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

TEST_F(ObjectsRoom, TasksThatHoldRoomFromEachOtherAreSetFreeLongBeforeTheirTimeIsOver) {
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

TEST_F(ObjectsRoom, WhoWaitsForADriverAloneIsNotTriedAgain) {
  objects_->came(kDriverBit | 1);
  wait(ask_room(kDriverBit | 1, 4 * kMega));
  const Answer none = wait(ask_room(1, kMega));
  EXPECT_FALSE(none.ok());
  EXPECT_FALSE(none.problem.contended);
}

TEST_F(ObjectsRoom, TheTimeOfOneWhoWaitsRunsSinceItIsTheFirst) {
  wait(ask_room(1, 4 * kMega));
  const auto first = ask_room(2, kMega);
  const auto second = ask_room(3, 4 * kMega);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(wait(first).ok());
  EXPECT_FALSE(wait(second).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500));
}

TEST_F(ObjectsRoom, WhoAsksForAMomentOnlyMakesWayForWhoWaits) {
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
class SmallMachine : public ObjectsRoom {
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

TEST_F(ObjectsRoom, TheSentenceNamesTheLargestFreePiece) {
  std::vector<Answer> all;
  for (int i = 0; i < 4; ++i) all.push_back(wait(ask_room(1, kMega)));
  objects_->unpin(1, all[0].place.number);
  objects_->unpin(1, all[2].place.number);
  const Answer none = wait(ask_room(2, 2 * kMega));
  EXPECT_NE(none.problem.sentence.find("2097 kB free, the largest piece 1048 kB"), std::string::npos)
      << none.problem.sentence;
}

TEST_F(ObjectsRoom, ValuesThatNeverFitTogetherAreKnownBeforeTheyAreAskedFor) {
  EXPECT_FALSE(objects_->never_fit(4 * kMega));
  EXPECT_NE(objects_->never_fit(5 * kMega)->sentence.find("together they need 5242 kB"), std::string::npos);
}

TEST_F(ObjectsRoom, WhatIsIdleIsNotHeld) {
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

TEST_F(ObjectsRoom, WhatIsPublishedGivesWayAtOnceToWhoWaits) {
  const Answer room = wait(ask_room(1, 4 * kMega));
  const auto waits = ask_room(2, kMega);
  io_.run_for(std::chrono::milliseconds(10));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(objects_->seal(1, room.place.number, 1000, {1, 1}, false));
  EXPECT_TRUE(wait(waits).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(80));
}

TEST_F(ObjectsRoom, WhatIsLargerThanAllOfItIsRefusedAtOnce) {
  const Answer none = wait(ask_room(1, 5 * kMega));
  EXPECT_NE(none.problem.sentence.find("--object-memory"), std::string::npos) << none.problem.sentence;
}

}  // namespace
}  // namespace morrow::worker
