// SPDX-License-Identifier: Apache-2.0
// Values, waiting and lifetimes of a session in one process.
#include <gtest/gtest.h>
#include <morrow/array.h>
#include <morrow/morrow.h>

#include <atomic>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/in_process/support.h"

namespace morrow::test {
namespace {

using namespace std::chrono_literals;

class InProcess : public testing::Test {
 protected:
  Session session_{in_one_process(2)};
};

int fib(int n) {
  if (n < 2) return n;
  auto a = submit(fib, n - 1);
  auto b = submit(fib, n - 2);
  return a.get() + b.get();
}

int chain(int n) { return n == 0 ? 0 : submit(chain, n - 1).get() + 1; }

TEST_F(InProcess, ATaskRunsInAnotherThreadOfThisProcess) {
  EXPECT_EQ(submit([] { return static_cast<long>(getpid()); }).get(), getpid());
  const auto here = std::hash<std::thread::id>()(std::this_thread::get_id());
  EXPECT_NE(submit([] { return std::hash<std::thread::id>()(std::this_thread::get_id()); }).get(), here);
}

TEST_F(InProcess, TheThreadHasTheNameOfItsTask) {
  const auto name = submit({.name = "train the model"}, [] {
                      char text[16] = {};
                      pthread_getname_np(pthread_self(), text, sizeof text);
                      return std::string(text);
                    }).get();
  EXPECT_EQ(name, "train the model");
}

TEST_F(InProcess, ATaskGetsCopiesAndNotReferences) {
  std::vector<int> mine{1, 2, 3};
  const auto theirs = submit(
                          [](std::vector<int> v) {
                            v[0] = 100;
                            return v;
                          },
                          mine)
                          .get();
  EXPECT_EQ(mine[0], 1);
  EXPECT_EQ(theirs[0], 100);
}

TEST_F(InProcess, TasksSubmitAndAwaitTasks) { EXPECT_EQ(submit(fib, 16).get(), 987); }

TEST(InProcessWithOneCpu, TasksThatWaitForTasksDoNotStandInTheirWay) {
  const Session session(in_one_process(1));
  EXPECT_EQ(submit(fib, 12).get(), 144);
  EXPECT_EQ(submit(chain, 200).get(), 200);
}

TEST_F(InProcess, AChainDeeperThanAStackGoesOnOnOthers) { EXPECT_EQ(submit(chain, 5'000).get(), 5'000); }

TEST_F(InProcess, AHundredThousandTasksRun) {
  std::vector<Future<int>> all;
  for (int i = 0; i < 100'000; ++i) all.push_back(submit([](int v) { return v % 7; }, i));
  const auto values = get_all(all);
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), 0L), 299'995);
}

TEST_F(InProcess, DependenciesMeetAgain) {
  auto top = submit([] { return 3; });
  auto left = submit([](int v) { return v + 1; }, top);
  auto right = submit([](int v) { return v * 10; }, top);
  auto bottom = submit([](int a, int b, int c) { return a + b + c; }, left, right, top);
  EXPECT_EQ(bottom.get(), 37);
}

TEST_F(InProcess, AChainOfAHundredThousandDependenciesEnds) {
  auto last = submit([] { return 0; });
  for (int i = 0; i < 100'000; ++i) last = submit([](int v) { return v + 1; }, last);
  EXPECT_EQ(last.get(), 100'000);
}

TEST_F(InProcess, FuturesTravelInValuesCapturesAndArguments) {
  auto part = submit([] { return 4; });
  EXPECT_EQ(submit([part] { return part.get(); }).get(), 4);
  const std::map<std::string, Future<int>> named{{"a", part}, {"b", put(5)}};
  EXPECT_EQ(
      submit([](const std::map<std::string, Future<int>>& all) { return all.at("a").get() + all.at("b").get(); }, named)
          .get(),
      9);
}

TEST_F(InProcess, AFutureThatATaskReturnsOutlivesIt) {
  auto outer = submit([] { return Future<int>(submit([] { return 6; })); });
  EXPECT_EQ(outer.get().get(), 6);
}

std::atomic<std::uint64_t> handed_out_scope{0};
std::atomic<std::uint64_t> handed_out_sequence{0};

TEST_F(InProcess, WhatATaskSubmittedIsFreedWithItWhenItsValueHasNoFutures) {
  submit([] {
    const Future<int> child = submit([] { return 1; });
    child.get();
    handed_out_scope = child.id().scope;
    handed_out_sequence = child.id().sequence;
    return 2;
  }).get();
  const Future<int> child(detail::FutureId{handed_out_scope, handed_out_sequence});
  EXPECT_THROW(child.get(), ReleasedError);
}

TEST_F(InProcess, LargeValuesHaveNoLimitAndAreAligned) {
  auto large = submit([](std::size_t n) { return std::vector<double>(n, 0.5); }, std::size_t{12'500'000});
  EXPECT_EQ(large.size(), 100'000'004U);
  EXPECT_EQ(submit([](const std::vector<double>& v) { return v.size(); }, large).get(), 12'500'000U);
  auto array = submit([] { return Array<double>(std::vector<double>(100'000, 2.0)); });
  const Array<double> got = array.get();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(got.data()) % detail::kAlignment, 0U);
  EXPECT_EQ(got[99'999], 2.0);
}

TEST_F(InProcess, LargeArgumentsTravel) {
  const std::string text(3'000'000, 'x');
  EXPECT_EQ(submit([](const std::string& t, int n) { return t.size() + static_cast<std::size_t>(n); }, text, 1).get(),
            3'000'001U);
}

TEST_F(InProcess, WhatIsTooLargeForACaptureOfAClusterIsTooLargeHere) {
  struct Large {
    char bytes[300'000] = {};
  };
  EXPECT_THROW(submit([large = Large{}] { return large.bytes[1]; }).get(), TooLargeError);
}

TEST_F(InProcess, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(submit({.cpus = -1}, [] {}).get(), std::invalid_argument);
  EXPECT_THROW(put({.copies = 0}, 1), std::invalid_argument);
}

TEST_F(InProcess, WaitTellsWhatIsFinished) {
  Gate gate;
  auto open = submit([] { return 1; });
  auto closed = submit([] { return Gate::pass(); });
  const std::vector<Future<int>> both{closed, open};
  EXPECT_EQ(wait(both, 1).ready, std::vector<Future<int>>{open});
  EXPECT_EQ(wait(both, 2, 20ms).rest, std::vector<Future<int>>{closed});
  EXPECT_FALSE(closed.get_for(10ms));
  EXPECT_FALSE(closed.ready());
  EXPECT_FALSE(wait_all(0ms));
  gate.open();
  EXPECT_EQ(wait(both, 2).ready.size(), 2U);
  EXPECT_TRUE(closed.ready());
  EXPECT_TRUE(wait_all());
}

TEST_F(InProcess, ATaskThatWaitsForAnyOfManyLeavesItsCpuToThem) {
  const auto any = [] {
    std::vector<Future<int>> some;
    for (int i = 0; i < 5; ++i) some.push_back(submit([](int v) { return v; }, i));
    const auto count = wait(some, 5).ready.size();
    return static_cast<int>(count);
  };
  std::vector<Future<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(submit(any));
  for (const int count : get_all(all)) EXPECT_EQ(count, 5);
}

TEST_F(InProcess, WhatWasReleasedIsGone) {
  auto value = put(3);
  value.release();
  EXPECT_THROW(value.get(), ReleasedError);
  EXPECT_TRUE(value.ready());
}

TEST_F(InProcess, ATaskThatNobodyWantsAnyMoreIsCancelled) {
  Gate gate;
  std::vector<Future<int>> block{submit([] { return Gate::pass(); }), submit([] { return Gate::pass(); })};
  Gate::passed = 0;
  auto pending = submit([] { return Gate::pass(); });
  pending.release();
  gate.open();
  get_all(block);
  wait_all();
  EXPECT_EQ(Gate::passed, 2);
}

TEST_F(InProcess, WhatDependsOnAReleasedFutureHasItsValue) {
  Gate gate;
  auto value = submit([] { return Gate::pass(); });
  auto after = submit([](int v) { return v + 1; }, value);
  value.release();
  gate.open();
  EXPECT_EQ(after.get(), 2);
}

TEST_F(InProcess, AScopeFreesWhatItHasAndCancelsWhatRuns) {
  Gate gate;
  Future<int> value;
  Future<int> running;
  {
    const Scope scope;
    value = put(1);
    EXPECT_EQ(value.get(), 1);
    running = submit([] { return Gate::pass(); });
    EXPECT_FALSE(scope.wait(0ms));
  }
  EXPECT_THROW(value.get(), ReleasedError);
  EXPECT_THROW(running.get(), ReleasedError);
  gate.open();
}

TEST_F(InProcess, OnlyTheThreadOfAScopeWaitsForIt) {
  const Scope scope;
  std::thread([&scope] { EXPECT_THROW(scope.wait(), std::logic_error); }).join();
}

TEST_F(InProcess, ADetachedFutureIsFoundByItsNameUntilItIsReleased) {
  submit({.detached = true, .name = "nightly"}, [] { return 8; }).unattended();
  EXPECT_EQ(find<int>("nightly").get(), 8);
  EXPECT_THROW(submit({.detached = true, .name = "nightly"}, [] { return 9; }).get(), NameTakenError);
  find<int>("nightly").release();
  EXPECT_THROW(find<int>("nightly"), NotFoundError);
  try {
    find<int>("night\x1b[2Jly\xff");
    FAIL() << "it was found";
  } catch (const NotFoundError& error) {
    EXPECT_STREQ(error.what(),
                 "the cluster has no detached future of the name night\\x1b[2Jly\\xff: it was never submitted, or was "
                 "released");
  }
  EXPECT_THROW(find<int>(""), std::invalid_argument);
}

TEST_F(InProcess, TasksOfSeveralScopesAreSeveralThatTakeAName) {
  const auto submits = [](int value) {
    submit({.detached = true, .name = "once"}, [value] { return value; }).unattended();
  };
  submit(submits, 1).get();
  {
    const Scope scope;
    EXPECT_THROW(submit(submits, 2).get(), std::exception);
  }
  EXPECT_EQ(find<int>("once").get(), 1);
}

TEST_F(InProcess, ADetachedFutureKeepsTheScopeOfWhatItNeeds) {
  Gate gate;
  {
    const Scope scope;
    auto part = submit([] { return Gate::pass(); });
    submit(
        {.detached = true, .name = "later"}, [](int v) { return v + 1; }, part)
        .unattended();
  }
  gate.open();
  EXPECT_EQ(find<int>("later").get(), 2);
}

TEST_F(InProcess, EachTaskHasASeedOfItsOwn) {
  const auto seed = [] { return task_seed(); };
  const auto one = submit(seed).get();
  EXPECT_NE(one, submit(seed).get());
  EXPECT_NE(one, task_seed());
}

TEST_F(InProcess, FlushHasNothingToDo) { EXPECT_NO_THROW(flush()); }

TEST_F(InProcess, ASecondSessionIsRefused) { EXPECT_THROW(Session(in_one_process(1)), SessionError); }

}  // namespace
}  // namespace morrow::test
