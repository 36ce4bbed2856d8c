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
  Ledger ledger(Resources{2'000'000, 100, 0, {{"license", 1'000'000}}});
  const Resources need{1'500'000, 60, 0, {{"license", 1'000'000}}};
  EXPECT_TRUE(ledger.fits(need));
  ledger.take(need);
  EXPECT_FALSE(ledger.fits(need));
  EXPECT_EQ(ledger.free().cpu_micro, 500'000u);
  EXPECT_EQ(ledger.used().memory, 60u);
  ledger.release(need);
  EXPECT_TRUE(ledger.fits(need));
}

TEST(Ledger, OversubscriptionIsCountedAndWorkedOff) {
  Ledger ledger(Resources{1'000'000, 0, 0, {}});
  ledger.take(Resources{1'000'000, 0, 0, {}});
  ledger.take(Resources{700'000, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 700'000u);
  EXPECT_EQ(ledger.free().cpu_micro, 0u);
  ledger.release(Resources{1'000'000, 0, 0, {}});
  EXPECT_EQ(ledger.cpu_oversubscribed(), 0u);
  EXPECT_EQ(ledger.free().cpu_micro, 300'000u);
}

TEST(Ledger, CpusAreOversubscribedTwiceAtTheMostByTasksOfAnySizeAndNamedResourcesNever) {
  const Resources one{1'000'000, 0, 0, {}};
  const Resources both{2'000'000, 0, 0, {}};
  Ledger ledger(Resources{2'000'000, 0, 0, {{"license", 1'000'000}}});
  ledger.take(both);
  EXPECT_TRUE(ledger.may_oversubscribe(both));
  ledger.take(one);
  EXPECT_TRUE(ledger.may_oversubscribe(one));
  EXPECT_FALSE(ledger.may_oversubscribe(both)) << "three beyond two";
  ledger.take(Resources{0, 0, 0, {{"license", 1'000'000}}});
  EXPECT_FALSE(ledger.may_oversubscribe(Resources{0, 0, 0, {{"license", 1}}})) << "somebody has it";
  ledger.take(one);
  EXPECT_FALSE(ledger.may_oversubscribe(Resources{1, 0, 0, {}}));
}

TEST(Ledger, AnAmountThatIsNotAskedForIsNotLookedAt) {
  Ledger ledger(Resources{1'000'000, 0, 0, {}});
  ledger.take(Resources{2'000'000, 0, 0, {}});
  EXPECT_TRUE(ledger.fits(Resources{}));
  EXPECT_FALSE(ledger.fits(Resources{0, 0, 0, {{"unknown", 1}}}));
}

TEST(Ledger, MemoryAndGpusAreNotReleasedWhileATaskIsBlocked) {
  const Resources released = Ledger::releasable(Resources{1'000'000, 5, 2'000'000, {{"license", 1'000'000}}});
  EXPECT_EQ(released, (Resources{1'000'000, 0, 0, {{"license", 1'000'000}}}));
}

TEST(Ledger, WhatBlockedTasksKeepIsNoRoomForOthersUntilTheyGoOn) {
  Ledger ledger(Resources{2'000'000, 100, 1'000'000, {}});
  const Resources held{1'000'000, 60, 1'000'000, {}};
  ledger.take(held);
  EXPECT_TRUE(ledger.fits_beside_kept(held)) << "what runs ends some time";
  EXPECT_EQ(ledger.block(held), (Resources{1'000'000, 0, 0, {}}));
  EXPECT_EQ(ledger.free().cpu_micro, 2'000'000u);
  EXPECT_EQ(ledger.beside_kept(), (Resources{2'000'000, 40, 0, {}}));
  EXPECT_TRUE(ledger.fits_beside_kept(Resources{2'000'000, 40, 0, {}}));
  EXPECT_FALSE(ledger.fits_beside_kept(Resources{0, 41, 0, {}}));
  EXPECT_FALSE(ledger.fits_beside_kept(Resources{0, 0, 1, {}}));
  ledger.unblock(held);
  EXPECT_TRUE(ledger.fits_beside_kept(held));
  EXPECT_EQ(ledger.free().cpu_micro, 1'000'000u);
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

TEST(Ledger, SharesOfOneNthFillOneCpuAndOneDeviceAndNoFurtherOneFits) {
  for (std::uint64_t n = 1; n <= 1'000; ++n) {
    const Resources share{control::kOneMicro / n, 0, control::kOneMicro / n, {{"license", control::kOneMicro / n}}};
    Ledger ledger(Resources{control::kOneMicro, 0, control::kOneMicro, {{"license", control::kOneMicro}}});
    Devices devices(1);
    for (std::uint64_t i = 0; i < n; ++i) {
      ASSERT_TRUE(ledger.fits(share)) << i << " of " << n;
      ledger.take(share);
      ASSERT_EQ(devices.take(share.gpu_micro), std::vector<unsigned>{0}) << i << " of " << n;
    }
    for (const Resources& one : {Resources{share.cpu_micro, 0, 0, {}}, Resources{0, 0, share.gpu_micro, {}},
                                 Resources{0, 0, 0, share.named_micro}})
      EXPECT_FALSE(ledger.fits(one)) << "one more than " << n;
    EXPECT_FALSE(devices.fits(share.gpu_micro)) << "one more than " << n;
  }
}

TEST(LedgerDeathTest, MoreThanWasTakenIsNotReleased) {
  Ledger ledger(Resources{1'000'000, 0, 0, {{"license", 1'000'000}}});
  EXPECT_ABORT(ledger.release(Resources{1, 0, 0, {}}), "no more is released than was taken");
  EXPECT_ABORT(ledger.release(Resources{0, 0, 0, {{"license", 1}}}), "no more of a named resource is released");
}

TEST(DevicesDeathTest, ADeviceIsReleasedOnce) {
  Devices devices(1);
  const auto taken = devices.take(1'000'000);
  devices.release(taken, 1'000'000);
  EXPECT_ABORT(devices.release(taken, 1'000'000), "a device that is released was taken");
}

TEST(Devices, WholeDevicesAndSharesDoNotMix) {
  Devices devices(2);
  const auto share = devices.take(500'000);
  ASSERT_EQ(share.size(), 1u);
  EXPECT_FALSE(devices.fits(2'000'000));
  EXPECT_TRUE(devices.fits(1'000'000));
  EXPECT_EQ(devices.take(500'000), share);  // the other half of the same one
  EXPECT_EQ(devices.take(1'000'000).size(), 1u);
  EXPECT_TRUE(devices.take(1'000'000).empty());
  devices.release(share, 500'000);
  EXPECT_TRUE(devices.fits(500'000));
}

}  // namespace
}  // namespace morrow::worker
