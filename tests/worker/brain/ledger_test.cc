// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/ledger.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

using control::Resources;

TEST(Ledger, CountsWhatIsTakenAndGivenBack) {
  Ledger ledger(Resources{2000, 100, 0, {{"license", 1000}}});
  const Resources need{1500, 60, 0, {{"license", 1000}}};
  EXPECT_TRUE(ledger.fits(need));
  ledger.take(need);
  EXPECT_FALSE(ledger.fits(need));
  EXPECT_EQ(ledger.free().cpu_milli, 500u);
  EXPECT_EQ(ledger.used().memory, 60u);
  ledger.give(need);
  EXPECT_TRUE(ledger.fits(need));
}

TEST(Ledger, OversubscriptionIsCountedAndWorkedOff) {
  Ledger ledger(Resources{1000, 0, 0, {}});
  ledger.take(Resources{1000, 0, 0, {}});
  ledger.take(Resources{700, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 700u);
  EXPECT_EQ(ledger.free().cpu_milli, 0u);
  ledger.give(Resources{1000, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 0u);
  EXPECT_EQ(ledger.free().cpu_milli, 300u);
}

TEST(Ledger, AnAmountThatIsNotAskedForIsNotLookedAt) {
  Ledger ledger(Resources{1000, 0, 0, {}});
  ledger.take(Resources{2000, 0, 0, {}});
  EXPECT_TRUE(ledger.fits(Resources{}));
  EXPECT_FALSE(ledger.fits(Resources{0, 0, 0, {{"unknown", 1}}}));
}

TEST(Ledger, MemoryAndGpusAreNotLent) {
  const Resources lent = Ledger::lendable(Resources{1000, 5, 2000, {{"license", 1000}}});
  EXPECT_EQ(lent, (Resources{1000, 0, 0, {{"license", 1000}}}));
}

TEST(Devices, WholeDevicesAndSharesDoNotMix) {
  Devices devices(2);
  const auto share = devices.take(500);
  ASSERT_EQ(share.size(), 1u);
  EXPECT_FALSE(devices.fits(2000));
  EXPECT_TRUE(devices.fits(1000));
  EXPECT_EQ(devices.take(500), share);  // the other half of the same one
  EXPECT_EQ(devices.take(1000).size(), 1u);
  EXPECT_TRUE(devices.take(1000).empty());
  devices.give(share, 500);
  EXPECT_TRUE(devices.fits(500));
}

}  // namespace
}  // namespace morrow::worker
