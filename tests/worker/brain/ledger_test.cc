// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/ledger.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::worker {
namespace {

using control::Resources;

TEST(Ledger, CountsWhatIsTakenAndReleased) {
  Ledger ledger(Resources{2000, 100, 0, {{"license", 1000}}});
  const Resources need{1500, 60, 0, {{"license", 1000}}};
  EXPECT_TRUE(ledger.fits(need));
  ledger.take(need);
  EXPECT_FALSE(ledger.fits(need));
  EXPECT_EQ(ledger.free().cpu_milli, 500u);
  EXPECT_EQ(ledger.used().memory, 60u);
  ledger.release(need);
  EXPECT_TRUE(ledger.fits(need));
}

TEST(Ledger, OversubscriptionIsCountedAndWorkedOff) {
  Ledger ledger(Resources{1000, 0, 0, {}});
  ledger.take(Resources{1000, 0, 0, {}});
  ledger.take(Resources{700, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 700u);
  EXPECT_EQ(ledger.free().cpu_milli, 0u);
  ledger.release(Resources{1000, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 0u);
  EXPECT_EQ(ledger.free().cpu_milli, 300u);
}

TEST(Ledger, CpusAreOversubscribedTwiceAtTheMostByTasksOfAnySizeAndNamedResourcesNever) {
  const Resources one{1000, 0, 0, {}};
  const Resources both{2000, 0, 0, {}};
  Ledger ledger(Resources{2000, 0, 0, {{"license", 1000}}});
  ledger.take(both);
  EXPECT_TRUE(ledger.may_oversubscribe(both));
  ledger.take(one);
  EXPECT_TRUE(ledger.may_oversubscribe(one));
  EXPECT_FALSE(ledger.may_oversubscribe(both)) << "three beyond two";
  ledger.take(Resources{0, 0, 0, {{"license", 1000}}});
  EXPECT_FALSE(ledger.may_oversubscribe(Resources{0, 0, 0, {{"license", 1}}})) << "somebody has it";
  ledger.take(one);
  EXPECT_FALSE(ledger.may_oversubscribe(Resources{1, 0, 0, {}}));
}

TEST(Ledger, AnAmountThatIsNotAskedForIsNotLookedAt) {
  Ledger ledger(Resources{1000, 0, 0, {}});
  ledger.take(Resources{2000, 0, 0, {}});
  EXPECT_TRUE(ledger.fits(Resources{}));
  EXPECT_FALSE(ledger.fits(Resources{0, 0, 0, {{"unknown", 1}}}));
}

TEST(Ledger, MemoryAndGpusAreNotReleasedWhileATaskIsBlocked) {
  const Resources released = Ledger::releasable(Resources{1000, 5, 2000, {{"license", 1000}}});
  EXPECT_EQ(released, (Resources{1000, 0, 0, {{"license", 1000}}}));
}

TEST(Ledger, WhatBlockedTasksKeepIsNoRoomForOthersUntilTheyGoOn) {
  Ledger ledger(Resources{2000, 100, 1000, {}});
  const Resources held{1000, 60, 1000, {}};
  ledger.take(held);
  EXPECT_TRUE(ledger.fits_beside_kept(held)) << "what runs ends some time";
  EXPECT_EQ(ledger.block(held), (Resources{1000, 0, 0, {}}));
  EXPECT_EQ(ledger.free().cpu_milli, 2000u);
  EXPECT_EQ(ledger.beside_kept(), (Resources{2000, 40, 0, {}}));
  EXPECT_TRUE(ledger.fits_beside_kept(Resources{2000, 40, 0, {}}));
  EXPECT_FALSE(ledger.fits_beside_kept(Resources{0, 41, 0, {}}));
  EXPECT_FALSE(ledger.fits_beside_kept(Resources{0, 0, 1, {}}));
  ledger.unblock(held);
  EXPECT_TRUE(ledger.fits_beside_kept(held));
  EXPECT_EQ(ledger.free().cpu_milli, 1000u);
}

TEST(Ledger, HeldAndFreeAreTheTotalInAnyOrderOfTakingAndReleasing) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint16_t, std::uint16_t>>& steps) {
    const Resources total{~std::uint32_t{0}, ~std::uint32_t{0}, 0, {{"license", ~std::uint32_t{0}}}};
    Ledger ledger(total);
    std::vector<Resources> held;
    for (const auto& [cpu, memory] : steps) {
      if (cpu % 3 == 0 && !held.empty()) {
        const auto one = held.begin() + memory % static_cast<std::ptrdiff_t>(held.size());
        ledger.release(*one);
        held.erase(one);
      } else {
        held.push_back(Resources{cpu, memory, 0, {{"license", cpu}}});
        ledger.take(held.back());
      }
      Resources sum = ledger.free();
      for (const Resources& one : held) sum += one;
      RC_ASSERT(sum == total);
      sum = ledger.free();
      sum += ledger.used();
      RC_ASSERT(sum == total);
    }
  }));
}

TEST(LedgerDeathTest, MoreThanWasTakenIsNotReleased) {
  Ledger ledger(Resources{1000, 0, 0, {{"license", 1000}}});
  EXPECT_ABORT(ledger.release(Resources{1, 0, 0, {}}), "no more is released than was taken");
  EXPECT_ABORT(ledger.release(Resources{0, 0, 0, {{"license", 1}}}), "no more of a named resource is released");
}

TEST(DevicesDeathTest, ADeviceIsReleasedOnce) {
  Devices devices(1);
  const auto taken = devices.take(1000);
  devices.release(taken, 1000);
  EXPECT_ABORT(devices.release(taken, 1000), "a device that is released was taken");
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
  devices.release(share, 500);
  EXPECT_TRUE(devices.fits(500));
}

}  // namespace
}  // namespace morrow::worker
