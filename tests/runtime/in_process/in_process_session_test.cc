// SPDX-License-Identifier: Apache-2.0
// The options, resources and end of a session in one process.
#include <gtest/gtest.h>
#include <morrow/morrow.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/in_process/support.h"

namespace morrow::test {
namespace {

using namespace std::chrono_literals;

/// A variable of the environment, for as long as it lives.
class Variable {
 public:
  explicit Variable(const char* value) { setenv(kName, value, 1); }
  ~Variable() { unsetenv(kName); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  static constexpr const char* kName = "MORROW_IN_PROCESS";
};

/// What is said on standard error meanwhile.
std::string said_by(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

bool runs_here() {
  return submit([] { return static_cast<long>(getpid()); }).get() == getpid();
}

TEST(InProcessSession, TheEnvironmentTurnsItOnWhateverTheCluster) {
  const Variable on("1");
  const Session session("no_such_cluster", {.connect_timeout = 1ms});
  EXPECT_TRUE(runs_here());
}

TEST(InProcessSession, TheEnvironmentTurnsItOff) {
  const Variable off("0");
  SessionOptions options = in_one_process(1);
  options.connect_timeout = 1ms;
  EXPECT_THROW(Session("no_such_cluster", options), SessionError);
}

TEST(InProcessSession, AnEmptyVariableLeavesItToTheOptions) {
  const Variable empty("");
  const Session session(in_one_process(1));
  EXPECT_TRUE(runs_here());
}

TEST(InProcessSession, AnotherValueOfTheVariableIsASentence) {
  const Variable wrong("yes");
  try {
    const Session session;
    FAIL() << "it was opened";
  } catch (const SessionError& error) {
    EXPECT_STREQ(error.what(),
                 "MORROW_IN_PROCESS is \"yes\"; it must be 1 (tasks run in the program's own process), 0 or empty");
  }
}

TEST(InProcessSession, AmountsOutOfRangeAreRefusedAsByAWorker) {
  try {
    const Session session(in_one_process(-1));
    FAIL() << "it was opened";
  } catch (const SessionError& error) {
    EXPECT_STREQ(error.what(), "SessionOptions: cpus must be from 0 to 1e9");
  }
}

TEST(InProcessSession, NothingIsSaidWhenAllIsWell) {
  EXPECT_EQ(said_by([] {
              const Session session(in_one_process(2));
              submit([] { return 1; }).get();
            }),
            "");
}

TEST(InProcessSession, SessionsCanFollowEachOther) {
  for (int i = 0; i < 20; ++i) {
    const Session session(in_one_process(2));
    EXPECT_EQ(submit([](int v) { return v; }, i).get(), i);
  }
  EXPECT_THROW(submit([] { return 1; }).get(), SessionError);
}

TEST(InProcessSession, ItsEndTellsWhatWasCancelledAndWhatNobodyLookedAt) {
  const std::string said = said_by([] {
    Gate gate;
    const Session session(in_one_process(1));
    auto bad = submit({.name = "loser"}, []() -> int { throw std::runtime_error("nobody looks"); });
    auto next = submit([](int v) { return v; }, bad);
    wait({Future<int>(bad), Future<int>(next)}, 2);
    submit({.name = "endless"}, [] { return Gate::pass(); }).unattended();
    submit({.name = "pending"}, [] { return Gate::pass(); }).unattended();
    Gate::wait_for(1);
    std::thread([] {
      std::this_thread::sleep_for(20ms);
      Gate::release_all();
    }).detach();
  });
  EXPECT_EQ(said.find("morrow: 2 futures had not ended and were cancelled with the session; one of them (endless, "
                      "in_process_session_test.cc:"),
            0U)
      << said;
  EXPECT_NE(said.find("morrow: 2 futures failed and nobody looked at them; the first: std::runtime_error: nobody looks "
                      "(loser, in_process_session_test.cc:"),
            std::string::npos)
      << said;
}

TEST(InProcessSession, AThreadThatWaitsWhenItEndsGetsAnErrorBeforeItIsGone) {
  constexpr int kThreads = 8;
  std::atomic<int> asking = 0;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  Gate gate;
  said_by([&] {
    const Session session(in_one_process(1));
    const auto endless = submit([] { return Gate::pass(); });
    Gate::wait_for(1);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&asking, &failed, endless] {
        ++asking;
        try {
          for (;;) endless.get();
        } catch (const Error&) {
          ++failed;
        }
      });
    }
    while (asking != kThreads) std::this_thread::yield();
    threads.emplace_back(Gate::release_all);
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, kThreads);
}

TEST(InProcessSession, AGetThatStandsStillSaysWhatItWaitsFor) {
  SessionOptions options = in_one_process(1);
  options.patience = 20ms;
  const std::string said = said_by([&] {
    Gate gate;
    const Session session(options);
    auto slow = submit({.name = "slow"}, [] { return Gate::pass(); });
    auto after = submit(
        {.name = "after"}, [](int v) { return v; }, slow);
    std::thread opener([] {
      std::this_thread::sleep_for(300ms);
      Gate::release_all();
    });
    EXPECT_EQ(after.get(), 1);
    opener.join();
  });
  EXPECT_NE(said.find("morrow: still waiting: future "), std::string::npos) << said;
  EXPECT_NE(said.find(" 'after' waits for future "), std::string::npos) << said;
  EXPECT_NE(said.find(" 'slow', which runs in this process for "), std::string::npos) << said;
}

TEST(InProcessSession, WhatNeverFitsIsToldOnceAndCanBeCancelled) {
  const std::string said = said_by([] {
    const Session session(in_one_process(1));
    std::vector<Future<int>> huge;
    for (int i = 0; i < 2; ++i) huge.push_back(submit({.cpus = 512, .name = "huge"}, [] { return 1; }));
    EXPECT_FALSE(huge[0].get_for(1ms));
    for (const auto& one : huge) one.cancel();
  });
  const std::string sentence = "morrow: task huge needs 512 cpus, and this session, in one process, has 1 cpu";
  EXPECT_EQ(said.find(sentence), 0U) << said;
  EXPECT_EQ(said.find(sentence, 1), std::string::npos) << said;
}

std::atomic<int> at_once = 0;
std::atomic<int> most_at_once = 0;

int count_at_once(int) {
  const int now = ++at_once;
  for (int most = most_at_once; now > most && !most_at_once.compare_exchange_weak(most, now);) {
  }
  std::this_thread::yield();
  --at_once;
  return 1;
}

TEST(InProcessSession, NoMoreTasksRunAtOnceThanThereAreResources) {
  SessionOptions options = in_one_process(8);
  options.resources = {{"license", 2}};
  const Session session(options);
  most_at_once = 0;
  std::vector<Future<int>> all;
  for (int i = 0; i < 2'000; ++i) all.push_back(submit({.resources = {{"license", 1}}}, count_at_once, i));
  get_all(all);
  EXPECT_LE(most_at_once, 2);
}

TEST(InProcessSession, ATaskThatWaitedHasItsNamedResourcesForItselfAgain) {
  SessionOptions options = in_one_process(4);
  options.resources = {{"license", 1}};
  const Session session(options);
  most_at_once = 0;
  std::vector<Future<int>> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(submit({.resources = {{"license", 1}}}, [] {
      const int inner = submit([] { return 1; }).get();
      return inner * count_at_once(0);
    }));
  }
  get_all(all);
  EXPECT_EQ(most_at_once, 1);
}

TEST(InProcessSession, AChainOfAnyLengthGoesWithItsSession) {
  const Session session(in_one_process(2));
  const Future<int> first = submit([] { return 0; });
  Future<int> last = first;
  for (int i = 0; i < 100'000; ++i) {
    const Future<int> next = submit([](int value) { return value + 1; }, last);
    if (last != first) last.release();
    last = next;
  }
  EXPECT_EQ(last.get(), 100'000);
}

TEST(InProcessSession, WhatFitsIsNotHeldUpByWhatDoesNot) {
  Gate gate;
  const Session session(in_one_process(2));
  auto half = submit([] { return Gate::pass(); });
  auto both = submit({.cpus = 2}, [] { return 2; });
  EXPECT_EQ(submit([] { return 3; }).get(), 3);
  EXPECT_FALSE(both.ready());
  gate.open();
  EXPECT_EQ(both.get() + half.get(), 3);
}

TEST(InProcessSession, AsManyTasksOfHalfACpuRunAtOnceAsFit) {
  Gate gate;
  const Session session(in_one_process(1));
  auto one = submit({.cpus = 0.5}, [] { return Gate::pass(); });
  auto other = submit({.cpus = 0.5}, [] { return Gate::pass(); });
  Gate::wait_for(2);
  gate.open();
  EXPECT_EQ(one.get() + other.get(), 2);
}

std::atomic<int> starts = 0;

TEST(InProcessSession, StartFunctionsAreCalledOnceBeforeTheFirstTask) {
  static const bool registered = [] {
    on_executor_start([] { ++starts; });
    return true;
  }();
  EXPECT_TRUE(registered);
  starts = 0;
  const Session session(in_one_process(4));
  std::vector<Future<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(submit([] { return starts.load(); }));
  for (const int seen : get_all(all)) EXPECT_EQ(seen, 1);
}

TEST(InProcessSession, ThreadsOfTheProgramShareIt) {
  const Session session(in_one_process(2));
  std::vector<std::thread> threads;
  std::atomic<int> sum = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&sum, i] {
      for (int k = 0; k < 500; ++k) sum += submit([](int v) { return v; }, i).get();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sum, 28 * 500);
}

}  // namespace
}  // namespace morrow::test
