// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/index_claims.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::worker {
namespace {

constexpr Time kUsual = 1'000'000;

struct IndexClaimsTest : testing::Test {
  std::optional<control::ClaimRequest> start(Time now = 1'000, bool room = true) {
    return claims.start(now, room, ledger, kUsual, random);
  }
  void finish(bool more = false, std::size_t taken = 0) {
    control::ClaimResult result;
    result.more = more;
    result.taken.resize(taken);
    claims.finish(result);
  }
  /// The first looks are over: a fair one, then one that finds nothing.
  void look_around() {
    while (start()) finish();
  }

  Knobs knobs;
  IndexClaims claims{7, knobs};
  Ledger ledger{control::Resources{4'000'000, 0, 0, {}}};
  RandomIds random{1};
};
using IndexClaimsDeathTest = IndexClaimsTest;

TEST_F(IndexClaimsTest, OneClaimIsUnderWayAtATime) {
  EXPECT_TRUE(start());
  claims.note_work();
  EXPECT_FALSE(start());
  finish();
  EXPECT_TRUE(start());
}

TEST_F(IndexClaimsTest, WithNoReasonItDoesNotLook) {
  look_around();
  EXPECT_FALSE(start());
  EXPECT_FALSE(claims.may_hold_work());
  claims.note_work();
  EXPECT_TRUE(start());
}

TEST_F(IndexClaimsTest, WhatComesWhileAClaimIsUnderWayIsWorthAnother) {
  look_around();
  claims.note_work();
  EXPECT_TRUE(start());
  claims.note_work();
  finish();
  EXPECT_TRUE(start());
}

TEST_F(IndexClaimsTest, WhatALookLeftIsWorthAnotherWhenSomethingCameFree) {
  look_around();
  ledger.take({1'000'000, 0, 0, {}});
  claims.note_work();
  const auto request = start();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->free.cpu_micro, 3'000'000u);
  finish();
  EXPECT_FALSE(start());
  claims.note_freed();
  EXPECT_TRUE(start());
}

TEST_F(IndexClaimsTest, WithoutRoomOnlyWhatIsWantedIsAskedFor) {
  EXPECT_FALSE(start(1'000, false));
  claims.want({1, 1});
  const auto request = start(1'000, false);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->by_id, (std::vector<control::FutureId>{{1, 1}}));
  EXPECT_EQ(request->free, control::Resources{});
  finish();
  EXPECT_TRUE(claims.may_hold_work());
}

TEST_F(IndexClaimsTest, NowAndThenATaskMayNeedTheWholeMachine) {
  ledger.take({4'000'000, 0, 0, {}});
  const auto fair = start(1'000);
  ASSERT_TRUE(fair);
  EXPECT_EQ(fair->free.cpu_micro, 4'000'000u);
  EXPECT_EQ(fair->limit, 1u);
  finish(true);
  const auto usual = start(2'000);
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->free.cpu_micro, 0u);
  finish(true);
  EXPECT_EQ(start(1'000 + knobs.starving_after)->limit, 1u);
}

TEST_F(IndexClaimsTest, AheadOfTheFreeCpusIsAskedForWhatIsDoneSoon) {
  look_around();
  claims.note_work();
  const auto request = start();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->ahead, knobs.hand_ahead / kUsual);
}

TEST_F(IndexClaimsDeathTest, OnlyAClaimThatIsUnderWayIsAnswered) {
  EXPECT_ABORT(finish(), "a claim that is answered is under way");
}

// However many are wanted, each is asked for once, and each has a claim of its own.
TEST(IndexClaims, EachWantedFutureIsAskedForOnceWithAClaimOfItsOwn) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& wanted, std::uint64_t seed) {
    IndexClaims claims(7, Knobs{});
    Ledger ledger(control::Resources{4'000'000, 0, 0, {}});
    RandomIds random(seed);
    std::set<control::FutureId> left;
    for (const std::uint16_t sequence : wanted) {
      claims.want({1, sequence});
      left.insert({1, sequence});
    }
    while (const auto request = claims.start(1'000, false, ledger, 1'000, random)) {
      for (const control::FutureId id : request->by_id) RC_ASSERT(left.erase(id) == 1u);
      const std::set<control::Claim> drawn(request->claims.begin(), request->claims.end());
      RC_ASSERT(drawn.size() >= request->by_id.size());
      RC_ASSERT(!drawn.contains(0));
      claims.finish({});
    }
    RC_ASSERT(left.empty());
  }));
}

}  // namespace
}  // namespace morrow::worker
