// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <unistd.h>

#include "wire/worker_door.h"

namespace morrow::wire {
namespace {

TEST(WorkerDoor, OnlyTheProcessThatListensIsFoundByItsNumber) {
  EXPECT_FALSE(connect_to_ancestor(getpid()));
  const Fd door = listen_for_descendants();
  ASSERT_TRUE(door);
  EXPECT_TRUE(connect_to_ancestor(getpid()));
  EXPECT_FALSE(connect_to_ancestor(getppid()));
  EXPECT_FALSE(listen_for_descendants()) << "one door for a process";
}

}  // namespace
}  // namespace morrow::wire
