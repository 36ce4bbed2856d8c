// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/object_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

namespace morrow::worker {
namespace {

using State = ObjectState;

constexpr std::uint64_t kSize = 100;

/// In memory, published, and used by nobody.
Object& idle_object(ObjectTable& table) {
  Object& object = table.create_to_write(1, {0, kSize}, 0);
  ObjectTable::move_to(object, State::kHere);
  table.touch(object);
  return object;
}

/// As when its memory was taken.
void to_disk(ObjectTable& table, Object& object) {
  object.stored = true;
  object.extent = {};
  table.take_from_idle(object);
  ObjectTable::move_to(object, State::kOnDisk);
}

TEST(ObjectTable, EachObjectHasANumberOfItsOwn) {
  ObjectTable table;
  const Object& one = table.create_to_write(1, {0, kSize}, 5);
  const Object& other = table.create_to_write(1, {kSize, kSize}, 5);
  EXPECT_NE(one.number, other.number);
  EXPECT_NE(one.number, 0U);
  EXPECT_EQ(table.find(one.number), &one);
  EXPECT_EQ(table.find(0), nullptr);
  EXPECT_EQ(one.made_ms, 5U);
}

TEST(ObjectTable, AnObjectGoesToDiskAndComesBack) {
  ObjectTable table;
  Object& object = idle_object(table);
  to_disk(table, object);
  EXPECT_TRUE(table.idle().empty());
  ObjectTable::move_to(object, State::kComing);
  ObjectTable::move_to(object, State::kOnDisk);  // there was no room for it
  ObjectTable::move_to(object, State::kComing);
  object.extent = {0, kSize};
  ObjectTable::move_to(object, State::kHere);
  table.touch(object);
  EXPECT_EQ(table.idle().front(), object.number);
}

TEST(ObjectTable, TheLeastRecentlyUsedIsTheFirstOfTheIdleOnes) {
  ObjectTable table;
  std::vector<Object*> all;
  for (int i = 0; i < 3; ++i) all.push_back(&idle_object(table));
  table.touch(*all[0]);
  table.pin(*all[1]);
  EXPECT_EQ(std::vector(table.idle().begin(), table.idle().end()), (std::vector{all[2]->number, all[0]->number}));
  EXPECT_TRUE(table.unpin(*all[1]));
  table.touch(*all[1]);
  EXPECT_EQ(table.idle().back(), all[1]->number);
}

TEST(ObjectTable, AnObjectIsIdleExactlyWhenNobodyPinsIt) {
  const bool holds = rc::check("in any order of pins and uses", [] {
    ObjectTable table;
    std::vector<Object*> all;
    for (int i = 0; i < 4; ++i) all.push_back(&idle_object(table));
    std::map<Object*, std::uint32_t> pins;
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) {
      Object* object = all[*rc::gen::inRange<std::size_t>(0, all.size())];
      if (*rc::gen::arbitrary<bool>()) {
        table.pin(*object);
        ++pins[object];
      } else if (pins[object] != 0) {
        const auto count = *rc::gen::inRange<std::uint32_t>(1, pins[object] + 1);
        pins[object] -= count;
        RC_ASSERT(table.unpin(*object, count) == (pins[object] == 0));
        table.touch(*object);
      }
      for (Object* one : all) {
        const bool idle = std::ranges::count(table.idle(), one->number) == 1;
        RC_ASSERT(idle == (pins[one] == 0));
        RC_ASSERT(one->pins == pins[one]);
      }
    }
  });
  EXPECT_TRUE(holds);
}

TEST(ObjectTable, AnErasedObjectIsGone) {
  ObjectTable table;
  Object& object = idle_object(table);
  const std::uint64_t number = object.number;
  object.extent = {};
  table.erase(object);
  EXPECT_EQ(table.find(number), nullptr);
  EXPECT_TRUE(table.idle().empty());
}

TEST(ObjectTableDeath, OnlyTransitionsOfTheTableAreMade) {
  ObjectTable table;
  Object& writing = table.create_to_write(1, {0, kSize}, 0);
  EXPECT_DEATH(ObjectTable::move_to(writing, State::kOnDisk), "to one that may follow");
  EXPECT_DEATH(ObjectTable::move_to(writing, State::kComing), "to one that may follow");
  Object& here = idle_object(table);
  EXPECT_DEATH(ObjectTable::move_to(here, State::kWriting), "to one that may follow");
  EXPECT_DEATH(ObjectTable::move_to(here, State::kOnDisk), "has an extent") << "its memory is there still";
  Object& coming = table.create_coming(404, {}, kSize, 0);
  EXPECT_DEATH(ObjectTable::move_to(coming, State::kHere), "has an extent");
  EXPECT_DEATH(ObjectTable::move_to(coming, State::kOnDisk), "has a whole file");
}

TEST(ObjectTableDeath, APinnedObjectStaysWhereItIsAndPinsAreNeverFewerThanNone) {
  ObjectTable table;
  Object& object = idle_object(table);
  table.pin(object);
  EXPECT_DEATH(ObjectTable::move_to(object, State::kOnDisk), "pinned stays as it is");
  EXPECT_DEATH(table.erase(object), "nobody uses");
  EXPECT_DEATH(table.unpin(object, 2), "no more pins");
  table.unpin(object);
  table.touch(object);
  EXPECT_DEATH(table.unpin(object), "was pinned");
  EXPECT_DEATH(table.erase(object), "neither memory nor a file");
  Object& coming = table.create_coming(404, {}, kSize, 0);
  EXPECT_DEATH(table.pin(coming), "is in memory");
  EXPECT_DEATH(table.create_coming(404, {}, kSize, 0), "a new number");
}

}  // namespace
}  // namespace morrow::worker
