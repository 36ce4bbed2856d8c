// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

class Crashes : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  Cluster cluster_;
};

TEST_P(Crashes, FailTheTaskAloneAndSayHow) {
  cluster_.expect_crashes();
  const auto worker = cluster_.worker({"--cpus", "2"});
  const Result result = cluster_.run({scenarios(), "crash", GetParam().first});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find(GetParam().second), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("attempt 2"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("5\nparent lives\n"), std::string::npos) << result.out;
  if (std::string(GetParam().first) != "exit") {
    EXPECT_NE(result.out.find("crash(std::"), std::string::npos) << "no stack in: " << result.out;
  }
  EXPECT_TRUE(worker->running());
}

INSTANTIATE_TEST_SUITE_P(OfAllKinds, Crashes,
                         testing::Values(std::pair("segv", "signal 11 exit 0"), std::pair("abort", "signal 6 exit 0"),
                                         std::pair("fpe", "signal 8 exit 0"), std::pair("exit", "signal 0 exit 3")),
                         [](const auto& kind) { return std::string(kind.param.first); });

TEST(Deaths, ACrashAmongBriefTasksFailsThatOneAndRunsNoneTwice) {
  Cluster cluster;
  cluster.expect_crashes();
  const auto worker = cluster.worker({"--cpus", "2"});
  const std::string file = cluster.folder() + "/ran";
  const Result result = cluster.run({scenarios(), "crash_among_brief", file});
  EXPECT_EQ(result.out, "999\n") << result.err;
  std::multiset<std::string> ran;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) ran.insert(line);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(ran.count(std::to_string(i)), i == 700 ? 0U : 1U) << i;
}

TEST(Deaths, AFutureThatKillsItsProcessEachTimeTellsOfEachAttempt) {
  Cluster cluster;
  cluster.expect_crashes();
  const auto worker = cluster.worker({"--cpus", "2"});
  const Result result = cluster.run({scenarios(), "poison"});
  for (const char* number : {"1", "2", "3"})
    EXPECT_TRUE(has(result.out, "attempt " + std::string(number) + " signal 11 with stack\n")) << result.err;
  EXPECT_TRUE(has(result.out, "is not tried any more"));
}

TEST(Deaths, ADriverKilledHasItsFuturesFreedAfterTheGrace) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2"});
  const std::size_t before = cluster.keys_with_image();
  auto driver = cluster.start({scenarios(), "hold", "20"});
  ASSERT_TRUE(driver->wait_for_text("holding"));
  EXPECT_GT(cluster.keys(), before + 20);
  driver->signal(SIGKILL);
  driver->wait();
  EXPECT_TRUE(eventually([&] { return cluster.keys() <= before; }, std::chrono::seconds(60)))
      << before << " keys before, " << cluster.keys() << " after";
  EXPECT_EQ(cluster.run({scenarios(), "fib_task", "5"}).out, "5\n");
}

TEST(Deaths, AWorkerKilledBetweenTheRunAndTheCommitLosesNothing) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one"});
  const auto two = cluster.worker({"--cpus", "1", "--name", "two"});
  const Result result = cluster.run({scenarios(), "kill_my_worker", cluster.folder() + "/marker"});
  EXPECT_EQ(result.out, "99\n") << result.err;
  EXPECT_NE(one->running(), two->running());
}

TEST(Deaths, AWorkerThatRestartsIsFoundAgain) {
  Cluster cluster;
  auto worker = cluster.worker({"--cpus", "2", "--name", "one"});
  auto driver = cluster.start({scenarios(), "squares", "40", "50"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  worker->signal(SIGKILL);
  worker->wait();
  worker = cluster.worker({"--cpus", "2", "--name", "one"});
  const Result result = driver->wait();
  EXPECT_NE(result.out.find("sum 20540"), std::string::npos) << result.out << result.err;
}

// With a lease of an hour the test hangs where a death is only told by silence.
const std::vector<std::string> kLongLease{"--cpus", "1", "--lease-ms", "3600000"};

std::vector<std::string> named(const std::string& name) {
  std::vector<std::string> options = kLongLease;
  options.insert(options.end(), {"--name", name});
  return options;
}

TEST(Deaths, ADeathIsSeenByTheWorkersOfTheSameMachineWithoutTheLease) {
  Cluster cluster;
  const auto one = cluster.worker(named("one"));
  const auto two = cluster.worker(named("two"));
  auto driver = cluster.start({scenarios(), "squares", "60", "50"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return !descendants(one->pid()).empty(); }));
  one->signal(SIGKILL);
  one->wait();
  EXPECT_TRUE(has(driver->wait().out, "sum 70210")) << driver->err();
  EXPECT_TRUE(two->wait_for_text("worker one has died (its process is gone) and is evicted")) << two->err();
}

TEST(Deaths, AWorkerThatStartsFindsTheDeadOnesOfItsMachineWithoutTheLease) {
  Cluster cluster;
  auto worker = cluster.worker(named("one"));
  auto driver = cluster.start({scenarios(), "squares", "40", "50"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return !descendants(worker->pid()).empty(); }));
  worker->signal(SIGKILL);
  worker->wait();
  worker = cluster.worker(named("one"));
  EXPECT_TRUE(has(driver->wait().out, "sum 20540")) << driver->err();
}

TEST(Deaths, AWorkerThatIsStoppedIsNotTakenForDead) {
  Cluster cluster;
  const auto one = cluster.worker(named("one"));
  const auto two = cluster.worker(named("two"));
  auto driver = cluster.start({scenarios(), "squares", "60", "50"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  one->signal(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  one->signal(SIGCONT);
  EXPECT_TRUE(has(driver->wait().out, "sum 70210")) << driver->err();
  // One that was stopped just while it held the lock of the store was killed, as it held up all others.
  if (!has(two->err(), "is stopped while it holds the write lock")) {
    EXPECT_EQ(two->err().find("evicted"), std::string::npos) << two->err();
  }
}

TEST(Deaths, AStoppedWorkerIsEvictedAndPublishesNothingWhenItComesBack) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one"});
  const auto two = cluster.worker({"--cpus", "1", "--name", "two"});
  auto driver = cluster.start({scenarios(), "squares", "60", "100"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  one->signal(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(12));
  one->signal(SIGCONT);
  const Result result = driver->wait();
  EXPECT_NE(result.out.find("sum 70210"), std::string::npos) << result.out << result.err;
}

}  // namespace
}  // namespace morrow::test
