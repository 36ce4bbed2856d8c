// SPDX-License-Identifier: Apache-2.0
// What a worker that was fenced leaves to the next one of its process.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "tests/worker/objects/objects_fixture.h"

namespace morrow::worker {
namespace {

class ObjectsKeeping : public ObjectsTest {
 protected:
  /// The worker is another one from here on; of the processes only these may be alive.
  void join_again(const std::vector<ProcessId>& living) {
    KeptObjects kept = objects_->keep(living);
    objects_.reset();
    view_.reset();
    Objects::Events events;
    events.fetch = [](control::FutureId, const control::ObjectRef&, std::span<std::byte>, auto done) {
      done(true, "nobody has it");
    };
    events.copied = [](control::FutureId, std::uint64_t) {};
    events.dropped = [this](control::FutureId) { ++dropped_; };
    events.log = [](const std::string&) {};
    events.give_up = [](control::FutureId, std::uint64_t, auto) {};
    objects_ = std::make_unique<Objects>(io_, options_, std::move(events), std::move(kept));
    view_ = std::make_unique<data::ArenaView>(objects_->memory_fd());
    objects_->came(3);
  }
};

TEST_F(ObjectsKeeping, ValuesInMemoryAndOnDiskAreThereAsTheyWere) {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 9; ++i) numbers.push_back(made(i));
  join_again({});
  EXPECT_EQ(objects_->usage().objects, 9U);
  for (int i = 0; i < 9; ++i) {
    const Answer got = wait(ask(3, numbers[static_cast<std::size_t>(i)]));
    ASSERT_TRUE(got.ok()) << got.problem.sentence;
    EXPECT_EQ(byte_of(got), i);
    objects_->unpin(3, got.place.number);
  }
  for (const std::uint64_t number : numbers) objects_->free(number);
  // One of which the file is just being written goes with the end of that.
  EXPECT_TRUE(until([&] { return objects_->list().empty(); }));
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_EQ(objects_->usage().spilled, 0U);
}

TEST_F(ObjectsKeeping, WhatADeadProcessHeldIsFreeAndWhatALivingOneHoldsStaysUntilItIsDead) {
  const std::uint64_t seen = made(1);
  ASSERT_TRUE(wait(ask(1, seen)).ok());
  ASSERT_TRUE(wait(ask(2, seen)).ok());
  objects_->free(seen);
  const Answer written = wait(ask_room(2, kMega));
  ASSERT_TRUE(wait(ask_room(1, kMega)).ok());
  join_again({2});
  EXPECT_EQ(objects_->usage().used, 2 * kMega) << "what 2 looks at, and what it writes";
  const Answer room = wait(ask_room(3, 2 * kMega));
  ASSERT_TRUE(room.ok());
  EXPECT_NE(room.place.extent.offset, written.place.extent.offset);
  objects_->gone(2);
  EXPECT_EQ(objects_->usage().used, 2 * kMega);
  objects_->gone(3);
  EXPECT_EQ(objects_->usage().used, 0U);
}

TEST_F(ObjectsKeeping, WhatWasOnItsWayIsAskedForAnew) {
  const AnswerPtr coming = ask(1, 50);
  EXPECT_EQ(objects_->list().size(), 1U);
  join_again({1});
  EXPECT_TRUE(objects_->list().empty());
  EXPECT_EQ(objects_->usage().used, 0U);
  EXPECT_FALSE(coming->here);
}

TEST_F(ObjectsKeeping, AWorkerCanBeFencedWhileItWritesToDisk) {
  std::vector<std::uint64_t> numbers;
  for (int i = 0; i < 4; ++i) numbers.push_back(made(i));
  const AnswerPtr room = ask_room(1, 2 * kMega);  // files are being written
  join_again({});
  for (int i = 0; i < 4; ++i) {
    const Answer got = wait(ask(3, numbers[static_cast<std::size_t>(i)]));
    ASSERT_TRUE(got.ok()) << got.problem.sentence;
    EXPECT_EQ(byte_of(got), i);
  }
  EXPECT_EQ(dropped_, 0);
}

}  // namespace
}  // namespace morrow::worker
