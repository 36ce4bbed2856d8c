// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/processor_use.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include "worker/shell/future_search.h"

namespace morrow::worker {
namespace {

constexpr Time kSecond = 1'000'000'000;

TEST(ProcessorUse, AProcessThatIsGoneHasNoState) {
  EXPECT_NE(read_process_stat(getpid()).state, 0);
  EXPECT_EQ(read_process_stat(-1).state, 0);
}

TEST(ProcessorUse, IsNotKnownUntilItWasSeenTwice) {
  ProcessorUse use;
  EXPECT_EQ(use.sentence(0, 7), "");
  use.look(kSecond, 7, {'S', 5});
  EXPECT_EQ(use.sentence(kSecond, 7), "");
}

TEST(ProcessorUse, OneThatUsesNoneStandsStill) {
  ProcessorUse use;
  use.look(0, 7, {'S', 5});
  use.look(40 * kSecond, 7, {'S', 5});
  EXPECT_EQ(use.sentence(40 * kSecond, 7),
            "stands still: it has used no processor for 40 s: it sleeps: for input, a timer or a lock");
  use.look(41 * kSecond, 7, {'S', 6});
  EXPECT_EQ(use.sentence(41 * kSecond, 7), "uses the processor");
}

TEST(ProcessorUse, AStoppedProcessIsKnownAtOnce) {
  ProcessorUse use;
  use.look(0, 7, {'T', 5});
  EXPECT_EQ(use.sentence(0, 7), "stands still: it is stopped by a signal; kill -CONT lets it go on");
}

TEST(NamePattern, AStarStandsForAnyText) {
  EXPECT_TRUE(matches("sort", "sort"));
  EXPECT_FALSE(matches("sort", "sorted"));
  EXPECT_TRUE(matches("sort*", "sorted"));
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "a--b-bc"));
  EXPECT_FALSE(matches("a*b*c", "a--b-b"));
  EXPECT_FALSE(matches("", "a"));
}

}  // namespace
}  // namespace morrow::worker
