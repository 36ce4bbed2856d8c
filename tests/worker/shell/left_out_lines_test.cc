// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/left_out_lines.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

/// Notes nothing, since there is no such session: what counts here is when it goes to the store.
class LeftOutLinesTest : public testing::Test {
 protected:
  void fire() {
    for (const auto& then : std::exchange(timers_, {})) then();
  }

  FakeStore store_;
  std::vector<std::function<void()>> timers_;
  LeftOutLines lines_{store_.post(),
                      [this](std::uint64_t, std::function<void()> then) { timers_.push_back(std::move(then)); }, 7};
};

TEST_F(LeftOutLinesTest, ManySmallPiecesGoToTheStoreTogether) {
  for (int i = 0; i < 100; ++i) lines_.add(5, "/tmp/tasks.log", 1);
  EXPECT_EQ(timers_.size(), 1U);
  EXPECT_TRUE(store_.posted.empty());
  fire();
  EXPECT_EQ(store_.posted.size(), 1U);
  for (int i = 0; i < 100; ++i) lines_.add(5, "/tmp/tasks.log", 1);
  fire();
  EXPECT_EQ(store_.posted.size(), 1U) << "one at a time";
  store_.run();
  EXPECT_EQ(timers_.size(), 1U) << "the rest follows";
  fire();
  EXPECT_EQ(store_.posted.size(), 1U);
}

TEST_F(LeftOutLinesTest, AWorkerThatLeavesWaitsForWhatIsOnItsWay) {
  bool noted = false;
  lines_.when_noted([&] { noted = true; });
  EXPECT_TRUE(noted) << "there is nothing";
  noted = false;
  lines_.add(5, "/tmp/tasks.log", 1);
  fire();
  lines_.add(5, "/tmp/tasks.log", 1);
  lines_.add(6, "/tmp/tasks.log", 1);
  lines_.when_noted([&] { noted = true; });
  EXPECT_FALSE(noted);
  const FakeStore::Posted first = store_.take();
  first.done();
  EXPECT_FALSE(noted) << "the second line of the first session has to follow";
  store_.run();
  EXPECT_TRUE(noted);
}

TEST_F(LeftOutLinesTest, LinesOfNoSessionAreNobodys) {
  lines_.add(0, "/tmp/tasks.log", 1);
  lines_.add(5, "/tmp/tasks.log", 0);
  EXPECT_TRUE(timers_.empty());
}

}  // namespace
}  // namespace morrow::worker
