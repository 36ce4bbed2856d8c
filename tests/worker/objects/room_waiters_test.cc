// SPDX-License-Identifier: Apache-2.0
#include "worker/objects/room_waiters.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace morrow::worker {
namespace {

using Told = std::vector<std::pair<ProcessId, bool>>;

class RoomWaitersTest : public testing::Test {
 protected:
  Told look() {
    Told told;
    waiters_.look(queue_, [&](ProcessId process, bool waits) { told.emplace_back(process, waits); });
    return told;
  }

  RoomQueue queue_{{.capacity_bytes = 100}};
  RoomWaiters waiters_;
};

TEST_F(RoomWaitersTest, EachExecutorIsToldOnceWhenItBeginsToWaitAndWhenItDoesNoMore) {
  EXPECT_EQ(look(), Told{});
  queue_.ask(10, {{5, false}}, 1);
  queue_.ask(20, {{5, false}, {6, false}}, 1);
  EXPECT_EQ(look(), (Told{{5, true}, {6, true}}));
  EXPECT_EQ(look(), Told{});
  queue_.leave(5);
  EXPECT_EQ(look(), (Told{{5, false}}));
  queue_.leave(6);
  EXPECT_EQ(look(), (Told{{6, false}}));
  EXPECT_EQ(look(), Told{});
}

TEST_F(RoomWaitersTest, DriversAndTheWorkerItselfHaveNoCpusToLend) {
  queue_.ask(10, {{kDriverBit | 1, false}, {kThisWorker, false}}, 1);
  EXPECT_EQ(look(), Told{});
}

}  // namespace
}  // namespace morrow::worker
