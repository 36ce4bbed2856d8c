// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cstdint>
#include <map>

#include "tests/worker/objects/virtual_memory.h"

namespace morrow::worker {
namespace {

constexpr std::uint64_t kMemoryUnits = 64;
constexpr std::uint64_t kLongestWaitMs =
    10'000 + 1000 + RoomQueue::kLookAgainMs;  // at the head, after a broken deadlock

ProcessId any_process() {
  const auto number = *rc::gen::inRange<ProcessId>(1, 9);
  return number > 6 ? kDriverBit | number : number;
}

/// One thing that happens.
void step(VirtualMemory& memory) {
  switch (*rc::gen::inRange(0, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      memory.ask(any_process(), *rc::gen::inRange<std::uint64_t>(1, kMemoryUnits + 1), *rc::gen::inRange(0, 4) == 0);
      break;
    case 4:
      memory.let_go(any_process());
      break;
    case 5:
      memory.die(any_process());
      break;
    case 6:
    case 7:
      memory.pass(*rc::gen::inRange<std::uint64_t>(0, 5000));
      break;
    case 8:
      memory.fail_next_growth(*rc::gen::inRange<std::uint64_t>(0, kMemoryUnits));
      break;
    case 9:
      memory.set_limit(kMemoryUnits);
      memory.set_coming_free(*rc::gen::arbitrary<bool>());
      memory.serve();
      break;
  }
}

TEST(RoomQueueProperty, NothingIsServedTwiceOrOutOfTurnAndNoMemoryIsLost) {
  const bool holds = rc::check("whatever happens", [] {
    VirtualMemory memory(kMemoryUnits);
    const int steps = *rc::gen::inRange(1, 150);
    for (int i = 0; i < steps; ++i) {
      step(memory);
      RC_ASSERT(memory.broken_promise() == "");
    }
  });
  EXPECT_TRUE(holds);
}

TEST(RoomQueueProperty, NobodyWaitsForEverThoughNothingIsEverLetGo) {
  const bool holds = rc::check("whatever happened before", [] {
    VirtualMemory memory(kMemoryUnits);
    const int steps = *rc::gen::inRange(1, 100);
    for (int i = 0; i < steps; ++i) step(memory);
    memory.set_coming_free(false);
    const std::size_t waiting = memory.queue().waiting();
    memory.pass(waiting * kLongestWaitMs);
    RC_ASSERT(memory.queue().empty());
    RC_ASSERT(memory.broken_promise() == "");
  });
  EXPECT_TRUE(holds);
}

TEST(RoomQueueProperty, EverybodyIsServedWhereThereIsRoomForAllTogether) {
  const bool holds = rc::check("in any sizes", [] {
    VirtualMemory memory(kMemoryUnits);
    std::uint64_t left = kMemoryUnits;
    while (left != 0) {
      const auto units = *rc::gen::inRange<std::uint64_t>(1, left + 1);
      RC_ASSERT(memory.served(memory.ask(any_process(), units, *rc::gen::arbitrary<bool>())));
      left -= units;
    }
    RC_ASSERT(memory.free_units() == 0U);
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace morrow::worker
