// SPDX-License-Identifier: Apache-2.0
#include "store/lmdb/wakeups.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/lmdb/presence.h"
#include "tests/store/temporary_directory.h"

namespace morrow::store {
namespace {

/// Runs `body` in a forked process and waits for its end.
template <typename Body>
void in_other_process(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

std::vector<std::uint32_t> changes(Wakeups& wakeups) {
  std::vector<std::uint32_t> found;
  wakeups.take_changes([&](std::uint32_t bucket) { found.push_back(bucket); });
  return found;
}

TEST(WakeupsTest, OnlyWatchedBucketsAreAnnounced) {
  const TemporaryDirectory directory;
  Wakeups wakeups(directory.path("wakeups"), true);
  const std::vector<std::uint32_t> written{3, 64, 8191};
  wakeups.announce(written);
  EXPECT_TRUE(changes(wakeups).empty());
  wakeups.watch_bucket(64);
  wakeups.watch_bucket(8191);
  wakeups.announce(written);
  EXPECT_EQ(changes(wakeups), (std::vector<std::uint32_t>{64, 8191}));
  wakeups.unwatch_bucket(64);
  wakeups.announce(written);
  EXPECT_EQ(changes(wakeups), (std::vector<std::uint32_t>{8191}));
}

TEST(WakeupsTest, AProcessThatDiesBetweenCommitAndAnnouncementLosesNoWakeUp) {
  const TemporaryDirectory directory;
  Wakeups wakeups(directory.path("wakeups"), true);
  in_other_process([&] {
    // Never destroyed: the process ends in the middle.
    (new Wakeups(directory.path("wakeups"), false))->begin_announcement();
  });
  const std::uint32_t seen = wakeups.signal();
  wakeups.announce_for_the_dead();
  EXPECT_NE(wakeups.signal(), seen);
  EXPECT_TRUE(wakeups.take_changes([](std::uint32_t) {}));
  wakeups.announce_for_the_dead();
  EXPECT_FALSE(wakeups.take_changes([](std::uint32_t) {}));
}

TEST(WakeupsTest, ThePlacesOfDeadProcessesAreUsedAgain) {
  const TemporaryDirectory directory;
  Wakeups wakeups(directory.path("wakeups"), true);
  for (std::uint32_t i = 0; i < Wakeups::kProcesses + 20; ++i) {
    in_other_process([&] { (new Wakeups(directory.path("wakeups"), false))->watch_bucket(7); });
  }
  const std::vector<std::uint32_t> written{7};
  wakeups.announce(written);
  EXPECT_TRUE(changes(wakeups).empty());
}

TEST(WakeupsTest, ARecycledPidIsNotTakenForTheProcessThatHadIt) {
  ProcessId self = this_process();
  EXPECT_TRUE(is_alive(self));
  EXPECT_FALSE(is_stopped(self));
  self.start_time += 1;
  EXPECT_FALSE(is_alive(self));
  EXPECT_FALSE(kill_process(self));
}

TEST(PresenceTest, TheFirstIsFirstAndTheLastIsLast) {
  const TemporaryDirectory directory;
  const Presence::Options options{directory.path(), false, "", [](std::string_view) {}};
  Presence first(options);
  EXPECT_TRUE(first.first());
  first.opened();
  {
    Presence second(options);
    EXPECT_FALSE(second.first());
    second.opened();
    EXPECT_FALSE(second.leave());
  }
  EXPECT_TRUE(first.leave());
}

}  // namespace
}  // namespace morrow::store
