// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/why_sentences.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

TEST(WhySentences, OthersAreNamedTheMostFrequentFirst) {
  EXPECT_EQ(others_text(1, {{"render", 1}}), "1 other, of 'render'");
  EXPECT_EQ(others_text(12, {{"load", 3}, {"render", 9}}), "12 others, of 'render' (9) and 'load' (3)");
  EXPECT_EQ(others_text(9, {{"a", 1}, {"b", 4}, {"c", 2}, {"d", 2}}),
            "9 others, of 'b' (4), 'c' (2), 'd' (2) and 1 more");
  EXPECT_EQ(others_text(5, {{"", 5}}), "5 others, of no name (5)");
  EXPECT_EQ(others_text(10'000, {{"render", 200}}), "10000 others, of 'render' (200) and 9800 more");
  EXPECT_EQ(others_text(3, {}), "3 others");
}

TEST(WhySentences, RoomIsToldByWhoHoldsMost) {
  EXPECT_EQ(held_text({}), "");
  EXPECT_EQ(held_text({{"a", 60'000'000}, {"b", 500'000}}), "60 MB by a, 500 kB by b");
  EXPECT_EQ(held_text({{"a", 60'000'000}, {"b", 50'000'000}, {"c", 40'000'000}, {"d", 1'000'000}, {"e", 2'000'000}}),
            "60 MB by a, 50 MB by b, 40 MB by c, 3.0 MB by 2 more");
}

TEST(WhySentences, ASessionWithoutItsDriverSaysWhenItEnds) {
  EXPECT_EQ(driver_gone_text(std::nullopt), "");
  EXPECT_EQ(driver_gone_text(8'000), "; its driver is gone: its session ends in 8.0 s, unless it comes back");
}

TEST(WhySentences, AValueThatIsComputedAgainIsSaidWhereverItIs) {
  TaskSeen task;
  task.stage = TaskSeen::Stage::kRuns;
  task.recomputed = true;
  const RunsOn where{.worker = "one", .pid = 12, .processor = "", .values = "", .room = ""};
  EXPECT_EQ(reason_of(task, where, 0, ""),
            "runs on worker one (process 12) for 0.0 s (its value was lost, and is computed again)");
}

TEST(WhySentences, ATaskThatWaitsForRoomSaysSo) {
  TaskSeen task;
  task.stage = TaskSeen::Stage::kRuns;
  const RunsOn where{.worker = "one", .pid = 12, .processor = "", .values = "", .room = "waits for 80 MB of room"};
  EXPECT_EQ(reason_of(task, where, 0, ""), "runs on worker one (process 12) for 0.0 s, and waits for 80 MB of room");
}

}  // namespace
}  // namespace morrow::worker
