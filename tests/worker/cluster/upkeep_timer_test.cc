// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/upkeep_timer.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

control::WorkerSeen seen(control::Incarnation incarnation, std::uint64_t round, bool dying = false) {
  control::WorkerSeen worker;
  worker.info.incarnation = incarnation;
  worker.round = round;
  worker.dying = dying;
  return worker;
}

TEST(FailureDetector, AWorkerThatStandsStillForTheLeaseIsSuspected) {
  FailureDetector silence(1, 5 * kSecond);
  std::uint64_t suspected_at = 0;
  for (std::uint64_t turn = 0; turn <= 20 && suspected_at == 0; ++turn) {
    const auto suspects = silence.look(turn * kSecond / 2, {seen(1, 100 + turn), seen(2, 7)});
    if (suspects.empty()) continue;
    ASSERT_EQ(suspects.size(), 1U);
    EXPECT_EQ(suspects.front().incarnation, 2U);
    EXPECT_EQ(suspects.front().round, 7U);
    suspected_at = turn;
  }
  EXPECT_EQ(suspected_at, 10U);
}

TEST(FailureDetector, AWorkerThatBeatsIsNeverSuspectedAndAnyBeatStartsTheLeaseAnew) {
  FailureDetector silence(1, 5 * kSecond);
  for (std::uint64_t turn = 0; turn < 100; ++turn) {
    const auto suspects = silence.look(turn * kSecond / 2, {seen(1, turn + 1), seen(2, 7 + turn / 9)});
    EXPECT_TRUE(suspects.empty()) << "turn " << turn;
  }
}

TEST(FailureDetector, AnOutageOfTheStoreEvictsNobody) {
  FailureDetector silence(1, 5 * kSecond);
  silence.look(0, {seen(1, 1), seen(2, 7)});
  // Our own heartbeat did not get through either, however long it takes.
  for (std::uint64_t turn = 1; turn < 100; ++turn)
    EXPECT_TRUE(silence.look(turn * kSecond, {seen(1, 1), seen(2, 7)}).empty());
  // It works again: the other has its full lease to speak.
  EXPECT_TRUE(silence.look(101 * kSecond, {seen(1, 2), seen(2, 7)}).empty());
}

TEST(FailureDetector, AnOutageDoesNotFinishASilenceThatBeganBefore) {
  FailureDetector silence(1, 5 * kSecond);
  for (std::uint64_t turn = 0; turn <= 8; ++turn)
    EXPECT_TRUE(silence.look(turn * kSecond / 2, {seen(1, turn + 1), seen(2, 7)}).empty());
  EXPECT_TRUE(silence.look(100 * kSecond, {seen(1, 20), seen(2, 7)}).empty());
  EXPECT_FALSE(silence.look(101 * kSecond, {seen(1, 21), seen(2, 7)}).empty());
}

TEST(FailureDetector, AProcessThatWasStoppedForLongEvictsNobodyWhenItGoesOn) {
  FailureDetector silence(1, 5 * kSecond);
  silence.look(0, {seen(1, 1), seen(2, 7)});
  EXPECT_TRUE(silence.look(3600 * kSecond, {seen(1, 2), seen(2, 7)}).empty());
}

TEST(FailureDetector, TheDyingAndTheGoneAreNotSuspected) {
  FailureDetector silence(1, 5 * kSecond);
  for (std::uint64_t turn = 0; turn < 40; ++turn) {
    EXPECT_TRUE(silence.look(turn * kSecond, {seen(1, turn + 1), seen(2, 7, true)}).empty());
  }
}

}  // namespace
}  // namespace morrow::worker
