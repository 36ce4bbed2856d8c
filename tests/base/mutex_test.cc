// SPDX-License-Identifier: Apache-2.0
#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace morrow::base {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

struct Shared {
  Mutex mutex;
  CondVar changed;
  int count GUARDED_BY(mutex) = 0;
};

bool is_free(Mutex& mutex) {
  bool taken = false;
  std::thread([&] {
    if (!mutex.try_lock()) return;
    taken = true;
    mutex.unlock();
  }).join();
  return taken;
}

TEST(Mutex, OneThreadAtATimeHoldsIt) {
  Shared shared;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&shared] {
      for (int turn = 0; turn < 1'000; ++turn) {
        const MutexLock lock(shared.mutex);
        ++shared.count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(shared.mutex);
  EXPECT_EQ(shared.count, 4'000);
}

TEST(Mutex, ALockHoldsItInItsScopeButWhereItLetsItGo) {
  Mutex mutex;
  {
    MutexLock lock(mutex);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(is_free(mutex));
    lock.unlock();
    EXPECT_FALSE(lock.owns_lock());
    EXPECT_TRUE(is_free(mutex));
    lock.lock();
    EXPECT_FALSE(is_free(mutex));
  }
  EXPECT_TRUE(is_free(mutex));
}

TEST(Mutex, AnUnlockLetsItGoInItsScope) {
  Mutex mutex;
  const MutexLock lock(mutex);
  {
    const MutexUnlock open(mutex);
    EXPECT_TRUE(is_free(mutex));
  }
  EXPECT_FALSE(is_free(mutex));
}

TEST(CondVar, WaitsForAChangeByAnotherThread) {
  Shared shared;
  std::thread other([&shared] {
    MutexLock lock(shared.mutex);
    shared.count = 1;
    shared.changed.notify_all();
    shared.changed.wait(lock, [&shared]() REQUIRES(shared.mutex) { return shared.count == 2; });
    shared.count = 3;
    shared.changed.notify_one();
  });
  {
    MutexLock lock(shared.mutex);
    shared.changed.wait(shared.mutex, [&shared]() REQUIRES(shared.mutex) { return shared.count == 1; });
    shared.count = 2;
    shared.changed.notify_all();
    while (shared.count != 3) shared.changed.wait(shared.mutex);
    EXPECT_FALSE(is_free(shared.mutex));
  }
  other.join();
  EXPECT_TRUE(is_free(shared.mutex));
}

TEST(CondVar, ATimeThatPassedEndsTheWaitWithTheMutexHeld) {
  Shared shared;
  MutexLock lock(shared.mutex);
  const auto never = [] { return false; };
  EXPECT_FALSE(shared.changed.wait_until(lock, CondVar::Clock::now(), never));
  EXPECT_FALSE(shared.changed.wait_for(lock, milliseconds(1), never));
  EXPECT_FALSE(shared.changed.wait_until(shared.mutex, CondVar::Clock::now(), never));
  EXPECT_FALSE(shared.changed.wait_for(shared.mutex, milliseconds(1), never));
  while (shared.changed.wait_for(lock, milliseconds(1))) {
  }
  while (shared.changed.wait_for(shared.mutex, milliseconds(1))) {
  }
  EXPECT_TRUE(lock.owns_lock());
  EXPECT_FALSE(is_free(shared.mutex));
}

TEST(CondVar, AChangeEndsATimedWait) {
  Shared shared;
  std::thread other([&shared] {
    const MutexLock lock(shared.mutex);
    shared.count = 1;
    shared.changed.notify_all();
  });
  {
    MutexLock lock(shared.mutex);
    const auto changed = [&shared]() REQUIRES(shared.mutex) { return shared.count == 1; };
    EXPECT_TRUE(shared.changed.wait_for(lock, hours(1), changed));
    EXPECT_TRUE(shared.changed.wait_until(shared.mutex, CondVar::Clock::now() + hours(1), changed));
  }
  other.join();
}

TEST(CondVar, APredicateThatThrowsLeavesTheMutexHeld) {
  Shared shared;
  const MutexLock lock(shared.mutex);
  EXPECT_THROW(shared.changed.wait(shared.mutex, []() -> bool { throw 1; }), int);
  EXPECT_FALSE(is_free(shared.mutex));
}

}  // namespace
}  // namespace morrow::base
