// SPDX-License-Identifier: Apache-2.0
#include "wire/claim_words.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "wire/socket.h"

namespace morrow::wire {
namespace {

TEST(ClaimWords, WhatIsOfferedCanBeTakenOnce) {
  const Fd file(ClaimWords::create_file());
  ClaimWords worker(file.get());
  ClaimWords executor(file.get());
  worker.offer(3, 8);
  EXPECT_FALSE(worker.taken(3, 8));
  EXPECT_TRUE(executor.take(3, 8));
  EXPECT_TRUE(worker.taken(3, 8));
  EXPECT_FALSE(executor.take(3, 8));
  EXPECT_FALSE(worker.revoke(3, 8));
}

TEST(ClaimWords, WhatWasTakenBackCannotBeTaken) {
  const Fd file(ClaimWords::create_file());
  ClaimWords words(file.get());
  words.offer(0, 1);
  EXPECT_TRUE(words.revoke(0, 1));
  EXPECT_FALSE(words.take(0, 1));
  EXPECT_FALSE(words.revoke(0, 1));
}

TEST(ClaimWords, ASlotThatWasUsedAgainCannotBeClaimedByMistake) {
  const Fd file(ClaimWords::create_file());
  ClaimWords words(file.get());
  words.offer(7, 1);
  EXPECT_TRUE(words.revoke(7, 1));
  words.offer(7, 2);
  EXPECT_FALSE(words.take(7, 1));
  EXPECT_TRUE(words.take(7, 2));
  EXPECT_FALSE(words.taken(7, 1));
}

TEST(ClaimWords, SlotsOutOfRangeAreNobodys) {
  const Fd file(ClaimWords::create_file());
  ClaimWords words(file.get());
  const std::uint32_t beyond = ClaimWords::kSlots;
  EXPECT_FALSE(words.take(beyond, 1));
  EXPECT_FALSE(words.revoke(beyond, 1));
  EXPECT_FALSE(words.taken(beyond, 1));
  EXPECT_FALSE(words.take(0xffffffff, 1));
}

TEST(ClaimWordsDeathTest, NothingIsOfferedInASlotOutOfRange) {
  const Fd file(ClaimWords::create_file());
  ClaimWords words(file.get());
  EXPECT_DEATH(words.offer(ClaimWords::kSlots, 1), "the slots of a queue have claim words");
}

TEST(ClaimWords, OfTwoThatReachForATaskExactlyOneGetsIt) {
  const Fd file(ClaimWords::create_file());
  ClaimWords worker(file.get());
  ClaimWords executor(file.get());
  constexpr std::uint32_t kRounds = 2'000;
  std::atomic<std::uint32_t> offered = 0;
  std::atomic<std::uint32_t> answered = 0;
  std::uint32_t taken = 0;
  std::thread other([&] {
    for (std::uint32_t round = 1; round <= kRounds; ++round) {
      while (offered.load() < round) std::this_thread::yield();
      taken += executor.take(round % ClaimWords::kSlots, round);
      answered = round;
    }
  });
  std::uint32_t revoked = 0;
  std::uint32_t seen_taken = 0;
  for (std::uint32_t round = 1; round <= kRounds; ++round) {
    const std::uint32_t slot = round % ClaimWords::kSlots;
    worker.offer(slot, round);
    offered = round;
    if (round % 2 == 0) std::this_thread::yield();
    revoked += worker.revoke(slot, round);
    while (answered.load() < round) std::this_thread::yield();
    seen_taken += worker.taken(slot, round);
  }
  other.join();
  EXPECT_EQ(taken + revoked, kRounds);
  EXPECT_EQ(taken, seen_taken);
}

TEST(ClaimWords, AreNotThereInAForkedChild) {
  const Fd file(ClaimWords::create_file());
  ClaimWords words(file.get());
  const pid_t child = fork();
  if (child == 0) {
    words.offer(0, 1);  // ends the child: nothing is mapped there
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  // A sanitizer turns the signal into an exit.
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
  EXPECT_FALSE(words.take(0, 1));
}

}  // namespace
}  // namespace morrow::wire
