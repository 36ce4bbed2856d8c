// SPDX-License-Identifier: Apache-2.0
#include "wire/signs_of_life.h"

#include <gtest/gtest.h>

namespace morrow::wire {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kLeaseMs = 6'000;

/// How long it takes until the other end is taken for silent, when nothing is heard.
milliseconds silence_of(SignsOfLife signs) {
  signs.turn(1, 1);
  milliseconds passed{0};
  while (!signs.is_silent() && passed < std::chrono::hours(1)) {
    signs.turn(1, 1);
    passed += signs.period();
  }
  EXPECT_EQ(signs.silence(), passed);
  return passed;
}

TEST(SignsOfLife, SilenceForAThirdOfTheLeaseIsNoLife) {
  for (const std::uint64_t lease : {3'000, 5'000, 10'000}) {
    const milliseconds silence = silence_of(SignsOfLife(lease));
    EXPECT_GE(silence, milliseconds(lease / 3));
    EXPECT_LT(silence, milliseconds(lease / 2));
  }
}

TEST(SignsOfLife, AShortLeaseLeavesABusyMachineASecond) {
  EXPECT_GE(silence_of(SignsOfLife(100)), milliseconds(1'000));
}

TEST(SignsOfLife, SeveralBeatsFitIntoTheSilenceThatIsAllowed) {
  for (const std::uint64_t lease : {100, 1'000, 5'000, 3'600'000}) {
    const SignsOfLife signs(lease);
    EXPECT_GE(silence_of(signs), 3 * signs.period()) << lease;
  }
}

TEST(SignsOfLife, WhateverComesIsASign) {
  SignsOfLife signs(kLeaseMs);
  for (std::uint64_t heard = 0; heard < 100; ++heard) {
    signs.turn(heard / 3, 0);
    EXPECT_FALSE(signs.is_silent());
  }
}

TEST(SignsOfLife, ABeatIsDueOnlyWhenNothingElseWasSaid) {
  SignsOfLife signs(kLeaseMs);
  EXPECT_FALSE(signs.turn(0, 10)) << "ten were said";
  EXPECT_TRUE(signs.turn(0, 10));
  signs.beat_sent(11);
  EXPECT_TRUE(signs.turn(0, 11)) << "the beat alone was said, and that was a turn ago";
  signs.beat_sent(12);
  EXPECT_FALSE(signs.turn(0, 13));
}

TEST(SignsOfLife, WhoDidNotListenCallsNobodySilent) {
  SignsOfLife signs(kLeaseMs);
  for (int i = 0; i < 100; ++i) {
    signs.turn(0, 0);
    signs.did_not_listen();
    EXPECT_FALSE(signs.is_silent());
  }
}

TEST(SignsOfLife, WithoutALeaseNobodyIsSilentAndNobodyBeats) {
  SignsOfLife signs;
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(signs.turn(0, 0));
    EXPECT_FALSE(signs.is_silent());
  }
}

}  // namespace
}  // namespace morrow::wire
