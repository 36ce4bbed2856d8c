// SPDX-License-Identifier: Apache-2.0
// How tasks of a session in one process fail, are tried again, and are ended.
#include <gtest/gtest.h>
#include <morrow/morrow.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/runtime/in_process/support.h"

namespace morrow::test {
namespace {

using namespace std::chrono_literals;

class InProcessFailures : public testing::Test {
 protected:
  Session session_{in_one_process(2)};
};

/// What `ask` throws, as its sentence; it must be an E.
template <class E>
std::string failure_of(const std::function<void()>& ask) {
  try {
    ask();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another exception: ") + error.what();
  }
  return "no failure";
}

testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << part << "' is not in: " << text;
}

std::atomic<int> runs = 0;

int third_time() {
  if (++runs < 3) throw std::runtime_error("again");
  return runs;
}

TEST_F(InProcessFailures, AnExceptionHasItsTypeAndTextAndTheStackOfItsThrow) {
  auto bad = submit({.name = "loser"}, []() -> int { throw std::out_of_range("row 7"); });
  try {
    bad.get();
    FAIL() << "no failure";
  } catch (const RemoteError& error) {
    EXPECT_EQ(error.type(), "std::out_of_range");
    EXPECT_EQ(error.message(), "row 7");
    EXPECT_EQ(error.task(), "loser");
    EXPECT_EQ(error.attempt(), 1U);
    EXPECT_TRUE(has(error.where(), "in_process_failures_test.cc:"));
    EXPECT_TRUE(has(error.stack(), "in_process_failures_test.cc"));
    EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
  }
}

TEST_F(InProcessFailures, WhatDependsOnAFailureFailsWithItsRoot) {
  auto bad = submit({.name = "the root"}, []() -> int { throw std::runtime_error("root cause"); });
  auto middle = submit([](int v) { return v; }, bad);
  auto last = submit([](int v) { return v; }, middle);
  const std::string text = failure_of<DependencyError>([&] { last.get(); });
  EXPECT_TRUE(has(text, "a future that this one depends on failed: std::runtime_error: root cause"));
  EXPECT_TRUE(has(text, "the root"));
}

TEST_F(InProcessFailures, AnExceptionIsTriedAgainWhenThatIsAskedFor) {
  runs = 0;
  EXPECT_EQ(submit({.max_retries = 5, .retry_exceptions = true}, third_time).get(), 3);
  runs = 0;
  EXPECT_TRUE(has(failure_of<RemoteError>([] { submit(third_time).get(); }), "attempt 1"));
  runs = 0;
  EXPECT_TRUE(
      has(failure_of<RemoteError>([] { submit({.max_retries = 1, .retry_exceptions = true}, third_time).get(); }),
          "attempt 2"));
}

std::atomic<std::uint64_t> first_seed = 0;

TEST_F(InProcessFailures, TheSeedIsTheSameInAllAttempts) {
  first_seed = 0;
  const auto seed = [] {
    std::uint64_t none = 0;
    if (first_seed.compare_exchange_strong(none, task_seed())) throw std::runtime_error("again");
    return task_seed();
  };
  EXPECT_EQ(submit({.retry_exceptions = true}, seed).get(), first_seed);
}

TEST_F(InProcessFailures, WhatRanOutOfItsTimeFailsAndItsThreadGoesOn) {
  Gate gate;
  Gate::passed = 0;
  auto slow = submit({.timeout = 20ms}, [] { return Gate::pass(); });
  EXPECT_TRUE(has(failure_of<TimeoutError>([&] { slow.get(); }), "it ran longer than its timeout of 0.02 s"));
  EXPECT_EQ(Gate::passed, 0);
}

TEST_F(InProcessFailures, ATimeoutIsTriedAgainWhenThatIsAskedFor) {
  Gate gate;
  runs = 0;
  const auto slow_once = [] { return runs++ == 0 ? Gate::pass() : 7; };
  EXPECT_EQ(submit({.timeout = 20ms, .retry_timeouts = true}, slow_once).get(), 7);
}

TEST_F(InProcessFailures, APendingTaskThatIsCancelledNeverRuns) {
  Gate gate;
  runs = 0;
  std::vector<Future<int>> block{submit([] { return Gate::pass(); }), submit([] { return Gate::pass(); })};
  auto pending = submit([] { return ++runs; });
  auto after = submit([](int v) { return v; }, pending);
  pending.cancel();
  EXPECT_THROW(pending.get(), CancelledError);
  EXPECT_TRUE(has(failure_of<DependencyError>([&] { after.get(); }), "it was cancelled"));
  gate.open();
  wait_all();
  EXPECT_EQ(runs, 0);
}

std::atomic<bool> was_told = false;

TEST_F(InProcessFailures, ARunningTaskThatIsCancelledIsToldSoByMorrow) {
  {
    Gate gate;
    was_told = false;
    auto running = submit([] {
      Gate::pass();
      try {
        submit([] { return 1; }).get();
      } catch (const CancelledError&) {
        was_told = true;
      }
      return 1;
    });
    Gate::wait_for(1);
    running.cancel();
    EXPECT_THROW(running.get(), CancelledError);
  }
  while (!was_told) std::this_thread::yield();
  EXPECT_TRUE(was_told);
}

TEST_F(InProcessFailures, ACancelledTaskThatWaitsGoesOnAtOnce) {
  Gate gate;
  was_told = false;
  runs = 0;
  auto endless = submit([] { return Gate::pass(); });
  auto waits = submit([endless] {
    try {
      ++runs;
      return endless.get();
    } catch (const CancelledError&) {
      was_told = true;
      throw;
    }
  });
  while (runs == 0) std::this_thread::yield();
  waits.cancel();
  EXPECT_THROW(waits.get(), CancelledError);
  while (!was_told) std::this_thread::yield();
  EXPECT_TRUE(was_told);
}

TEST_F(InProcessFailures, WhatATaskSubmittedIsCancelledWithIt) {
  Gate gate;
  runs = 0;
  auto parent = submit([] {
    submit([] { return Gate::pass(); }).unattended();
    Gate::wait_for(1);  // so both cpus are taken
    submit([] { return Gate::pass(); }).unattended();
    submit([] { return ++runs; }).unattended();
    return 1;
  });
  EXPECT_EQ(parent.get(), 1);
  gate.open();
  EXPECT_EQ(submit([] { return 2; }).get(), 2);
  EXPECT_EQ(runs, 0);
}

TEST_F(InProcessFailures, ATaskThatWaitsForItselfFails) {
  static Future<int> itself;
  Gate gate;
  itself = submit({.name = "snake"}, [] {
    Gate::pass();
    return itself.get();
  });
  gate.open();
  const std::string text = failure_of<DeadlockError>([&] { itself.get(); });
  EXPECT_TRUE(has(text, "a deadlock, none of these can ever end: "));
  EXPECT_TRUE(has(text, "'snake' waits for itself"));
}

TEST_F(InProcessFailures, WhatNeverFitsFailsWhenThatIsAskedFor) {
  const std::string text = failure_of<UnschedulableError>([] {
    submit({.cpus = 512, .resources = {{"disk", 1}}, .fail_if_unschedulable = true}, [] {}).get();
  });
  EXPECT_TRUE(has(text, "it needs 512 cpus, disk 1, and this session, in one process, has 2 cpus"));
}

TEST_F(InProcessFailures, OnlyTheFirstFailureOfAllIsThrown) {
  auto good = submit([] { return 1; });
  auto bad = submit([]() -> int { throw std::runtime_error("first"); });
  auto worse = submit([]() -> int { throw std::logic_error("second"); });
  EXPECT_TRUE(has(failure_of<RemoteError>([&] {
                    get_all({Future<int>(good), Future<int>(bad), Future<int>(worse)});
                  }),
                  "first"));
}

}  // namespace
}  // namespace morrow::test
