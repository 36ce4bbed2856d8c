// SPDX-License-Identifier: Apache-2.0
// What was accepted can be read, however full memory and disk are: random sequences of puts, reads and ends of values
// of random sizes, in a memory and on a disk that are both too small. The seed of a run that fails is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/worker/objects/objects_fixture.h"

namespace morrow::worker {
namespace {

constexpr std::uint64_t kReadableRuns = 15;
constexpr int kReadableSteps = 120;
constexpr std::uint64_t kKibi = 1 << 10;

class ObjectsReadable : public ObjectsTest {
 protected:
  void open_with(std::uint64_t memory, std::uint64_t disk) {
    options_.memory = memory;
    options_.disk_most = disk;
    values_.clear();
    pinned_.clear();
    open();
  }
  std::uint64_t any(std::uint64_t least, std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(least, most)(random_);
  }

  /// What does not compress, so that the disk fills up.
  static void fill(std::span<std::byte> bytes, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) {
      const std::uint64_t word = random();
      std::memcpy(bytes.data(), &word, sizeof word);
    }
    std::ranges::fill(bytes, std::byte{7});
  }
  static bool is_filled(std::span<const std::byte> bytes, std::uint64_t seed) {
    std::vector<std::byte> expected(bytes.size());
    fill(expected, seed);
    return std::ranges::equal(bytes, expected);
  }

  /// The problem; empty: it was accepted.
  std::string put(std::uint64_t size) {
    const Answer room = wait(ask_room(1, size));
    if (!room.ok()) return room.problem.sentence;
    const std::uint64_t number = room.place.number;
    fill(view_->inside(room.place.extent), number);
    EXPECT_TRUE(objects_->seal(1, number, size, {{1, number}}, false));
    values_[number] = size;
    return {};
  }
  /// The problem; empty: it was read, and `who` looks at it.
  std::string read(ProcessId who, std::uint64_t number) {
    const Answer got = wait(ask(who, number, values_.at(number)));
    if (!got.ok()) return got.problem.sentence;
    if (!is_filled(view_->bytes(got.place.extent), number)) return "it is another value";
    return {};
  }
  std::uint64_t any_value() { return std::next(values_.begin(), static_cast<long>(any(0, values_.size() - 1)))->first; }

  void let_go() {
    for (const std::uint64_t number : std::exchange(pinned_, {})) objects_->unpin(2, number);
  }
  void expect_all_readable() {
    let_go();
    for (const auto& [number, size] : values_) {
      ASSERT_EQ(read(1, number), "") << "one of " << size << " bytes of " << values_.size() << " values";
      objects_->unpin(1, number);
    }
  }
  void step() {
    switch (any(0, 9)) {
      case 0:
        if (values_.empty()) return;
        {
          const std::uint64_t number = any_value();
          objects_->free(number);
          values_.erase(number);
          std::erase(pinned_, number);
          objects_->gone(2);
          objects_->came(2);
          pinned_.clear();
        }
        return;
      case 1:
        return let_go();
      case 2:
      case 3: {
        if (values_.empty()) return;
        const std::uint64_t number = any_value();
        if (read(2, number).empty()) pinned_.push_back(number);  // others may hold the room by now
        return;
      }
      default:
        put(any(0, 4) == 0 ? any(1, options_.memory / 2) : any(1, options_.memory / 12));
    }
  }

  std::mt19937_64 random_;
  std::map<std::uint64_t, std::uint64_t> values_;  ///< accepted, with their sizes
  std::vector<std::uint64_t> pinned_;              ///< by process 2
};

TEST_F(ObjectsReadable, WhateverWasAcceptedCanBeReadAtAnyTime) {
  options_.room_within_ms = 20;
  for (std::uint64_t seed = 1; seed <= kReadableRuns; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random_.seed(seed);
    open_with(any(1, 3) * 400 * kKibi, any(0, 5) * 300 * kKibi + 1);
    for (int i = 0; i < kReadableSteps; ++i) {
      step();
      if (any(0, 20) != 0) continue;
      ASSERT_NO_FATAL_FAILURE(expect_all_readable());
    }
    ASSERT_NO_FATAL_FAILURE(expect_all_readable());
  }
}

TEST_F(ObjectsReadable, AllOfMemoryAndDiskButOneValueIsUsed) {
  constexpr std::uint64_t kValue = 512 * kKibi;
  constexpr std::uint64_t kFile = kValue + kKibi;
  options_.room_within_ms = 20;
  open_with(8 * kValue, 6 * kFile);
  std::string problem;
  while (problem.empty()) problem = put(kValue);
  EXPECT_EQ(values_.size(), 13U);
  EXPECT_NE(problem.find("kept for values to come back from disk"), std::string::npos) << problem;
  EXPECT_NE(problem.find("--spill-limit"), std::string::npos) << problem;
  for (int i = 0; i < 3; ++i) ASSERT_NO_FATAL_FAILURE(expect_all_readable());

  // What comes free is used again.
  for (int i = 0; i < 2; ++i) {
    objects_->free(values_.begin()->first);
    values_.erase(values_.begin());
  }
  EXPECT_EQ(put(kValue), "");
  ASSERT_NO_FATAL_FAILURE(expect_all_readable());
}

TEST_F(ObjectsReadable, CopiesThatOthersHaveTooMakeWayWhereTheDiskTakesNothing) {
  open_with(4 * kMega, 1);
  ASSERT_EQ(put(kMega), "");
  for (std::uint64_t number = 1; number <= 20; ++number) {
    const Answer got = wait(ask(2, number));
    ASSERT_TRUE(got.ok()) << got.problem.sentence;
    EXPECT_EQ(byte_of(got), static_cast<int>(number));
    objects_->unpin(2, number);
  }
  ASSERT_NO_FATAL_FAILURE(expect_all_readable());
}

TEST_F(ObjectsReadable, ACopyThatIsTheLastIsNotGivenUp) {
  options_.room_within_ms = 20;
  open_with(4 * kMega, 1);
  for (std::uint64_t number = 1; number <= 4; ++number) {
    last_.insert(number);
    EXPECT_TRUE(wait(ask(2, number)).ok());
    objects_->unpin(2, number);
  }
  EXPECT_FALSE(wait(ask(2, 5)).ok());
  for (std::uint64_t number = 1; number <= 4; ++number) {
    EXPECT_TRUE(wait(ask(2, number)).ok());
    objects_->unpin(2, number);
  }
  EXPECT_EQ(fetches_, 4);
}

TEST_F(ObjectsReadable, AValueAsLargeAsTheMemoryFindsItsWayBack) {
  constexpr std::uint64_t kMemory = 2 << 20;
  options_.room_within_ms = 20;
  open_with(kMemory, 2 * kMemory + 100 * kKibi);
  EXPECT_EQ(put(kMemory), "");
  EXPECT_EQ(put(kMemory), "");
  EXPECT_NE(put(kMemory), "");
  ASSERT_NO_FATAL_FAILURE(expect_all_readable());
  ASSERT_NO_FATAL_FAILURE(expect_all_readable());
}

}  // namespace
}  // namespace morrow::worker
