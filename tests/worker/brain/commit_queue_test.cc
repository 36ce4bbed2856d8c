// SPDX-License-Identifier: Apache-2.0
#include "worker/brain/commit_queue.h"

#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::worker {
namespace {

Item running() {
  Item item;
  item.settled = false;
  return item;
}

TEST(CommitQueue, WhatIsDueTakesAlongAllBeforeIt) {
  CommitQueue queue;
  queue.push(running(), false);
  const auto second = queue.push(running(), false);
  queue.push(running(), false);
  EXPECT_FALSE(queue.has_due());
  queue.make_due(second);
  EXPECT_EQ(queue.take(10, 10'000).size(), 2u);
  EXPECT_FALSE(queue.has_due());
}

TEST(CommitQueue, AnEndWaitsForThoseBeforeIt) {
  CommitQueue queue;
  const auto first = queue.push(running(), false);
  const auto second = queue.push(running(), false);
  const auto third = queue.push(running(), false);
  queue.make_ended(5, second);
  queue.make_ended(7, third);
  EXPECT_FALSE(queue.has_due());
  EXPECT_EQ(queue.blocker(), &queue.at(first));
  EXPECT_EQ(queue.blocked_since(), 5u);
  queue.make_ended(9, first);
  EXPECT_EQ(queue.blocker(), nullptr);
  EXPECT_EQ(queue.take(10, 10'000).size(), 3u);
}

TEST(CommitQueue, WhatHasNoEndToWaitForBlocksNobody) {
  CommitQueue queue;
  Item release;
  queue.push(std::move(release), false);
  const auto submit = queue.push(running(), false);
  EXPECT_FALSE(queue.has_due());
  queue.make_ended(1, submit);
  EXPECT_EQ(queue.take(10, 10'000).size(), 2u);
}

TEST(CommitQueue, UnblockingTakesWhatHasEndedAndAllBeforeIt) {
  CommitQueue queue;
  queue.push(running(), false);
  const auto second = queue.push(running(), false);
  const auto third = queue.push(running(), false);
  queue.make_ended(1, second);
  queue.unblock();
  EXPECT_EQ(queue.take(10, 10'000).size(), 2u);
  queue.make_ended(2, third);
  EXPECT_EQ(queue.take(10, 10'000).size(), 1u);
}

TEST(CommitQueue, TheNextBlockerCountsFromTheEndThatStillWaits) {
  CommitQueue queue;
  const auto first = queue.push(running(), false);
  const auto second = queue.push(running(), false);
  const auto third = queue.push(running(), false);
  const auto fourth = queue.push(running(), false);
  queue.make_ended(1, second);
  queue.make_ended(4, fourth);
  queue.make_ended(6, first);
  EXPECT_EQ(queue.take(10, 10'000).size(), 2u);
  ASSERT_EQ(queue.blocker(), &queue.at(third));
  EXPECT_EQ(queue.blocked_since(), 4u);
}

TEST(CommitQueue, ALimitIsKeptButForOneItem) {
  CommitQueue queue;
  for (int i = 0; i < 5; ++i) {
    Item item;
    item.bytes = 100;
    queue.push(std::move(item), true);
  }
  EXPECT_EQ(queue.take(10, 50).size(), 1u);
  EXPECT_EQ(queue.take(10, 250).size(), 2u);
  EXPECT_EQ(queue.take(1, 1'000).size(), 1u);
}

TEST(CommitQueue, WhatIsOlderThanTheLimitIsDue) {
  CommitQueue queue;
  for (Time time = 1; time <= 3; ++time) {
    Item item = running();
    item.arrived = time;
    queue.push(std::move(item), false);
  }
  EXPECT_EQ(queue.oldest(), 1u);
  queue.make_due_before(2);
  EXPECT_EQ(queue.take(10, 10'000).size(), 2u);
  EXPECT_EQ(queue.oldest(), 3u);
}

// What comes out is what went in, each once and in its order; and nothing that ended stays behind all that is settled.
TEST(CommitQueue, KeepsTheOrderWhateverBecomesDue) {
  EXPECT_TRUE(rc::check([](const std::vector<std::pair<std::uint8_t, std::uint8_t>>& steps) {
    CommitQueue queue;
    std::uint64_t pushed = 0;
    std::uint64_t taken = 0;
    Time now = 0;
    for (const auto& [step, argument] : steps) {
      ++now;
      const CommitQueue::Position position = taken + argument % (pushed - taken + 1);
      switch (step % 7) {
        case 0:
        case 1: {
          Item item;
          item.number = ++pushed;
          item.arrived = now;
          item.bytes = argument;
          item.settled = argument % 3 == 0;
          RC_ASSERT(queue.push(std::move(item), argument % 5 == 0) == pushed - 1);
          break;
        }
        case 2:
          queue.make_due(position);
          break;
        case 3:
          queue.make_ended(now, position);
          break;
        case 4:
          queue.make_due_before(now - std::min<Time>(now, argument));
          break;
        case 5:
          if (queue.blocker() != nullptr) {
            RC_ASSERT(queue.blocked_since() <= now);
            queue.unblock();
            RC_ASSERT(queue.blocker() == nullptr);
            RC_ASSERT(queue.has_due());
          }
          break;
        default:
          for (const Item& item : queue.take(argument % 4 + 1, 300)) RC_ASSERT(item.number == ++taken);
      }
      RC_ASSERT(queue.size() == pushed - taken);
      RC_ASSERT(queue.holds(pushed) == false);
    }
    queue.make_all_due();
    while (queue.has_due()) {
      for (const Item& item : queue.take(3, 300)) RC_ASSERT(item.number == ++taken);
    }
    RC_ASSERT(taken == pushed);
  }));
}

TEST(CommitQueueDeathTest, AnItemThatWasTakenIsNotLookedAt) {
  CommitQueue queue;
  const auto position = queue.push(Item{}, true);
  queue.take(1, 1'000);
  EXPECT_ABORT(queue.at(position), "an item is looked at while it waits here");
}

TEST(CommitQueue, WhatIsTakenOutOfItsTurnAndGivenBackStandsWhereItStood) {
  EXPECT_TRUE(rc::check([] {
    CommitQueue queue;
    std::vector<CommitQueue::Position> waiting;  // the model: what waits, in order
    std::vector<Item> taken;
    const auto remove = [&](const std::vector<Item>& items) {
      for (const Item& item : items) RC_ASSERT(std::erase(waiting, item.position) == 1u);
    };
    const int steps = *rc::gen::inRange(1, 60);
    for (int step = 0; step < steps; ++step) {
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1: {
          const bool due = *rc::gen::arbitrary<bool>();
          waiting.push_back(queue.push(*rc::gen::arbitrary<bool>() ? running() : Item(), due));
          break;
        }
        case 2: {
          if (!taken.empty()) break;
          if (*rc::gen::arbitrary<bool>()) queue.make_all_due();
          taken = queue.take(static_cast<std::size_t>(*rc::gen::inRange(1, 5)), 10'000);
          remove(taken);
          break;
        }
        case 3: {
          if (!taken.empty()) break;
          taken = queue.take_if(3, 10'000, [](Item&) { return *rc::gen::arbitrary<bool>(); });
          remove(taken);
          break;
        }
        default: {
          const auto committed = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, taken.size() + 1));
          taken.erase(taken.begin(), taken.begin() + committed);
          for (const Item& item : taken) waiting.push_back(item.position);
          std::sort(waiting.begin(), waiting.end());
          queue.give_back(std::exchange(taken, {}));
        }
      }
      std::vector<CommitQueue::Position> found;
      queue.for_each([&](Item& item) { found.push_back(item.position); });
      RC_ASSERT(found == waiting);
      for (const CommitQueue::Position position : waiting) RC_ASSERT(queue.holds(position));
    }
  }));
}

}  // namespace
}  // namespace morrow::worker
