// SPDX-License-Identifier: Apache-2.0
#include "base/process_facts.h"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

namespace morrow::base {
namespace {

TEST(ProcessFacts, TheNameOfAProcessMayHoldAnything) {
  const auto facts = parse_process_facts("7 (a) S (b)) R 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0 1 0 100 0 0");
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->state, 'R');
  EXPECT_EQ(facts->parent, 1);
  EXPECT_EQ(facts->used_ticks, 42U);
  EXPECT_EQ(facts->started_ticks, 100U);
}

TEST(ProcessFacts, OfWhatIsGoneOrCutShortThereAreNone) {
  EXPECT_FALSE(parse_process_facts("").has_value());
  EXPECT_FALSE(parse_process_facts("7 (a) S 1").has_value());
  EXPECT_FALSE(process_facts(-1).has_value());
}

TEST(ProcessFacts, OfThisProcessTheParentIsKnown) {
  const auto facts = process_facts(getpid());
  ASSERT_TRUE(facts.has_value());
  EXPECT_EQ(facts->parent, getppid());
  EXPECT_NE(facts->started_ticks, 0U);
}

/// A child that does `work` and then nothing; ended with this.
class Child {
 public:
  template <typename Work>
  explicit Child(Work work) : pid_(fork()) {
    if (pid_ != 0) return;
    work();
    _exit(0);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// Whether it comes to wait for locks within ten seconds.
  bool comes_to_wait() const {
    for (int i = 0; i < 1000 && !waits_for_locks(pid_); ++i) usleep(10'000);
    return waits_for_locks(pid_);
  }
  /// Whether it waits for locks at the end of the time in which it begins, or soon after.
  bool waits_later() const {
    usleep(200'000);
    for (int i = 0; i < 30; ++i) {
      usleep(10'000);
      if (waits_for_locks(pid_)) return true;
    }
    return false;
  }

 private:
  pid_t pid_;
};

#ifdef __SANITIZE_THREAD__
constexpr bool kHasThreadOfItsOwn = true;  // the sanitizer's, which sleeps
#else
constexpr bool kHasThreadOfItsOwn = false;
#endif

void lock_for_ever() {
  std::mutex mutex;
  mutex.lock();
  mutex.lock();
}

TEST(WaitsForLocks, OneThatLocksWhatIsLockedDoes) {
  if (kHasThreadOfItsOwn) GTEST_SKIP() << "not all of its threads wait for locks";
  EXPECT_TRUE(Child(lock_for_ever).comes_to_wait());
}

TEST(WaitsForLocks, OneWithAThreadThatSleepsDoesNot) {
  const Child child([] {
    std::thread other([] { sleep(60); });
    other.join();
  });
  EXPECT_FALSE(child.waits_later());
}

TEST(WaitsForLocks, OneWhoseThreadsAllWaitDoes) {
  if (kHasThreadOfItsOwn) GTEST_SKIP() << "not all of its threads wait for locks";
  const Child child([] {
    std::thread other(lock_for_ever);
    other.join();
  });
  EXPECT_TRUE(child.comes_to_wait());
}

TEST(WaitsForLocks, OneWhoseWaitHasAnEndDoesNot) {
  const Child child([] {
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::seconds(60));
  });
  EXPECT_FALSE(child.waits_later());
}

TEST(WaitsForLocks, OneThatComputesOrIsGoneDoesNot) {
  const Child child([] {
    while (true) getpid();
  });
  EXPECT_FALSE(child.waits_later());
  EXPECT_FALSE(waits_for_locks(-1));
}

}  // namespace
}  // namespace morrow::base
