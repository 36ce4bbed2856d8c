// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/memory_growth.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace morrow::worker {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kCapacity = 200 * kMegabyte;

/// A machine with memory for `has_`.
class MemoryGrowthTest : public ::testing::Test {
 protected:
  ~MemoryGrowthTest() override { background_.stop(); }

  /// Allocates room; true: it exists at once.
  bool take(std::uint64_t size, std::uint64_t ticket) {
    taken_ = extents_.allocate(size).value();
    return growth_.exists_or_hold(taken_, static_cast<Ticket>(ticket));
  }
  void until_it_rests() {
    while (growth_.is_growing()) {
      io_.restart();
      io_.run_one_for(std::chrono::seconds(30));
    }
  }

  std::atomic<std::uint64_t> has_ = kCapacity;
  boost::asio::io_context io_;
  data::Arena arena_{kCapacity};
  data::Extents extents_{kCapacity};
  Background background_{io_};
  data::Extent taken_;
  std::vector<std::uint64_t> exist_;
  std::vector<std::uint64_t> failed_;
  std::vector<std::string> log_;
  int changes_ = 0;
  MemoryGrowth growth_{
      arena_,
      extents_,
      background_,
      {.again_ms = 5000,
       .before_growth =
           [this](std::uint64_t end) {
             if (end > has_) throw data::OutOfMemory("the machine has no memory left");
           }},
      {.exists = [this](data::Extent, Ticket ticket) { exist_.push_back(static_cast<std::uint64_t>(ticket)); },
       .failed = [this](Ticket ticket) { failed_.push_back(static_cast<std::uint64_t>(ticket)); },
       .changed = [this] { ++changes_; },
       .log = [this](const std::string& line) { log_.push_back(line); }}};
};

TEST_F(MemoryGrowthTest, WhatIsAskedForExistsInTheOrderInWhichItWasAskedFor) {
  EXPECT_FALSE(take(10 * kMegabyte, 1));
  EXPECT_FALSE(take(100 * kMegabyte, 2));
  EXPECT_TRUE(growth_.is_growing());
  until_it_rests();
  EXPECT_EQ(exist_, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_TRUE(failed_.empty());
  EXPECT_GE(arena_.backed(), 110 * kMegabyte);
  EXPECT_GT(changes_, 0);
}

TEST_F(MemoryGrowthTest, SomeIsMadeAheadSoThatTheNextFindsItThere) {
  EXPECT_FALSE(take(10 * kMegabyte, 1));
  until_it_rests();
  EXPECT_TRUE(take(10 * kMegabyte, 2));
}

TEST_F(MemoryGrowthTest, AMachineThatHasAsMuchAsIsNeededAndNoMoreIsEnough) {
  has_ = 20 * kMegabyte;
  EXPECT_FALSE(take(20 * kMegabyte, 1));
  until_it_rests();
  EXPECT_EQ(exist_, std::vector<std::uint64_t>{1});
  EXPECT_TRUE(log_.empty());
}

TEST_F(MemoryGrowthTest, WithoutMemoryOnlyWhatExistsIsHandedOutForAWhile) {
  has_ = 80 * kMegabyte;
  EXPECT_FALSE(take(10 * kMegabyte, 1));
  until_it_rests();
  EXPECT_FALSE(take(90 * kMegabyte, 2));
  until_it_rests();
  EXPECT_EQ(failed_, std::vector<std::uint64_t>{2});
  EXPECT_EQ(extents_.used(), 10 * kMegabyte) << "its extent is free again";
  EXPECT_EQ(extents_.limit(), arena_.backed());
  EXPECT_EQ(growth_.problem(), "the machine has no memory left");
  EXPECT_EQ(log_, std::vector<std::string>{"the machine has no memory left"});
  growth_.retry(1'000'000);
  growth_.retry(1'004'999);
  EXPECT_LT(extents_.limit(), kCapacity);
  growth_.retry(1'005'000);
  EXPECT_EQ(extents_.limit(), kCapacity);
  has_ = kCapacity;
  EXPECT_FALSE(take(90 * kMegabyte, 3));
  until_it_rests();
  EXPECT_EQ(exist_, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(growth_.problem(), "");
}

TEST_F(MemoryGrowthTest, TheSameTroubleIsLoggedOnce) {
  has_ = 0;
  for (std::uint64_t i = 1; i <= 2; ++i) {
    EXPECT_FALSE(take(10 * kMegabyte, i));
    until_it_rests();
    growth_.retry(i * 100'000);
    growth_.retry(i * 100'000 + 5000);
  }
  EXPECT_EQ(failed_, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(log_.size(), 1U);
}

}  // namespace
}  // namespace morrow::worker
