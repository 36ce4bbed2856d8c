// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/holders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace morrow::worker {
namespace {

std::vector<ProcessId> all_of(const Holders& holders) {
  std::vector<ProcessId> all;
  holders.for_each_holder([&](ProcessId process) { all.push_back(process); });
  std::ranges::sort(all);
  return all;
}

TEST(Holders, AProcessHoldsWhatItPinsAndWritesUntilItLetsGo) {
  Holders holders;
  for (const ProcessId process : {1, 2, 3}) holders.came(process);
  holders.pin(1, 77);
  holders.pin(1, 77);
  holders.begin_writing(2, 78);
  EXPECT_EQ(all_of(holders), (std::vector<ProcessId>{1, 2}));
  EXPECT_TRUE(holders.unpin(1, 77));
  EXPECT_TRUE(holders.holds_anything(1)) << "it was pinned twice";
  EXPECT_TRUE(holders.unpin(1, 77));
  EXPECT_TRUE(holders.end_writing(2, 78));
  EXPECT_EQ(all_of(holders), std::vector<ProcessId>{});
}

TEST(Holders, NothingIsLetGoThatWasNotTaken) {
  Holders holders;
  holders.came(1);
  holders.pin(1, 77);
  EXPECT_FALSE(holders.unpin(1, 78));
  EXPECT_FALSE(holders.unpin(2, 77));
  EXPECT_FALSE(holders.end_writing(1, 77)) << "it only reads it";
  EXPECT_FALSE(holders.end_writing(2, 77));
}

TEST(Holders, AProcessThatIsGoneHoldsNothingAndWhatItHeldIsSaid) {
  Holders holders;
  holders.came(1);
  holders.pin(1, 77);
  holders.pin(1, 77);
  holders.begin_writing(1, 78);
  const Holders::Held held = holders.gone(1);
  EXPECT_EQ(held.pins.at(77), 2U);
  EXPECT_TRUE(held.writes.contains(78));
  EXPECT_FALSE(holders.knows(1) || holders.holds_anything(1));
  EXPECT_TRUE(holders.gone(1).empty());
}

TEST(Holders, ComingTwiceChangesNothing) {
  Holders holders;
  holders.came(1);
  holders.pin(1, 77);
  holders.came(1);
  EXPECT_TRUE(holders.unpin(1, 77));
}

TEST(HoldersDeath, OnlyAProcessThatIsKnownHoldsAndNobodyReadsWhatIsWritten) {
  Holders holders;
  EXPECT_DEATH(holders.pin(1, 77), "is known");
  EXPECT_DEATH(holders.begin_writing(1, 77), "is known");
  holders.came(1);
  holders.begin_writing(1, 77);
  EXPECT_DEATH(holders.pin(1, 77), "not read while it is written");
  EXPECT_DEATH(holders.begin_writing(1, 77), "and once");
}

}  // namespace
}  // namespace morrow::worker
