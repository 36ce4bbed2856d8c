// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

TEST(Workers, SeveralOnOneMachineShareTheClusterAndTheWork) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "1", "--name", "one"});
  const auto two = cluster.worker({"--cpus", "1", "--name", "two"});
  EXPECT_TRUE(cluster.wait_for_status("one"));
  EXPECT_TRUE(cluster.wait_for_status("two"));
  auto driver = cluster.start({scenarios(), "squares", "40", "50"});
  bool both = false;
  while (driver->running()) both = both || (descendants(one->pid()).size() > 1 && descendants(two->pid()).size() > 1);
  EXPECT_NE(driver->wait().out.find("sum 20540"), std::string::npos);
  EXPECT_TRUE(both) << "only one of them worked";
}

TEST(Workers, WhatATaskWritesAtAnotherWorkerAppearsAtItsDriverToo) {
  Cluster cluster;
  const auto near = cluster.worker({"--cpus", "1", "--name", "near"});
  auto driver = cluster.start({scenarios(), "output_elsewhere"});
  EXPECT_TRUE(cluster.wait_for_status("far 1"));  // the driver is attached to the one worker there is
  const auto far = cluster.worker({"--cpus", "1", "--name", "far", "--resource", "far=1"});
  const Result result = driver->wait();
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(result.out.find("(talker @far) line " + std::to_string(i) + "\n"), std::string::npos)
        << result.out << result.err;
  }
}

TEST(Workers, StopCleanlyOnSigterm) {
  Cluster cluster;
  const auto one = cluster.worker({"--cpus", "2", "--name", "one"});
  auto driver = cluster.start({scenarios(), "squares", "8", "700"});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return descendants(one->pid()).size() >= 2; }));
  const auto executors = descendants(one->pid());
  one->signal(SIGTERM);
  const Result stopped = one->wait(std::chrono::seconds(20));
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  for (const pid_t pid : executors) EXPECT_FALSE(lives(pid)) << pid << " is left";
  // What ran there was given back: another worker goes on with it.
  const auto two = cluster.worker({"--cpus", "2", "--name", "two"});
  const Result result = driver->wait();
  EXPECT_NE(result.out.find("sum 140"), std::string::npos) << result.out << result.err;
}

TEST(Workers, StopCleanlyOnCtrlCWithNothingToDo) {
  Cluster cluster;
  const auto worker = cluster.worker();
  worker->signal(SIGINT);
  EXPECT_EQ(worker->wait(std::chrono::seconds(20)).status, 0);
}

TEST(Workers, ASessionWithNoClusterRunsByItself) {
  Cluster cluster;
  Environment none{{"MORROW_CLUSTER", ""}};
  const Result result = cluster.run({scenarios(), "values"}, none);
  EXPECT_EQ(result.out, "12here!7\n15\n328350\n328350\n") << result.err;
  EXPECT_TRUE(eventually([&] {
    return std::filesystem::is_empty(cluster.folder() + "/run") &&
           std::filesystem::is_empty(cluster.folder() + "/home");
  })) << "the private worker left something";
}

TEST(Workers, APrivateOneThatIsKilledIsAClearErrorAndLeavesNothing) {
  Cluster cluster;
  auto driver = cluster.start({scenarios(), "squares", "8", "3600000"}, {{"MORROW_CLUSTER", ""}});
  ASSERT_TRUE(driver->wait_for_text("submitted"));
  ASSERT_TRUE(eventually([&] { return descendants(driver->pid()).size() >= 3; }));  // the fork server, an executor
  const auto all = descendants(driver->pid());
  kill(all.front(), SIGKILL);
  const Result result = driver->wait();
  EXPECT_FALSE(result.timed_out) << "it hangs";
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("the private worker"), std::string::npos) << result.out << result.err;
  EXPECT_NE(result.out.find("is gone"), std::string::npos) << result.out;
  EXPECT_TRUE(end_in_time(all));
  EXPECT_TRUE(std::filesystem::is_empty(cluster.folder() + "/run")) << "a folder is left";
}

TEST(Workers, NoWorkerIsOneClearSentence) {
  Cluster cluster;
  const Result status = cluster.run({bin() + "/morrow", "status", "test"});
  EXPECT_EQ(status.status, 1);
  EXPECT_NE(status.err.find("morrow worker test"), std::string::npos) << status.err;
}

TEST(Workers, BadOptionsAreOneSentenceEach) {
  Cluster cluster;
  const std::vector<std::vector<std::string>> wrong = {{"--cpus", "many"},     {"--memory", "4Gallons"},
                                                       {"--resource", "disk"}, {"--address", "8.8.8.8"},
                                                       {"--name", "a/b"},      {"--store", "tape:x"}};
  for (const auto& options : wrong) {
    std::vector<std::string> all{bin() + "/morrow", "worker", "test"};
    all.insert(all.end(), options.begin(), options.end());
    const Result result = cluster.run(all);
    EXPECT_NE(result.status, 0) << options[0];
    EXPECT_FALSE(result.timed_out) << options[0];
    EXPECT_FALSE(result.err.empty()) << options[0];
  }
}

TEST(Workers, HelpAndVersionAreEverywhere) {
  Cluster cluster;
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--help"}, {"--version"}, {"worker", "--help"}, {"status", "--help"}}) {
    std::vector<std::string> all{bin() + "/morrow"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Result result = cluster.run(all);
    EXPECT_EQ(result.status, 0);
    EXPECT_FALSE(result.out.empty());
  }
}

TEST(Workers, StatusTellsWorkersResourcesAndFutures) {
  Cluster cluster;
  const auto worker = cluster.worker({"--cpus", "2", "--memory", "1GiB", "--name", "one"});
  auto driver = cluster.start({scenarios(), "hold", "3"});
  ASSERT_TRUE(driver->wait_for_text("holding"));
  EXPECT_TRUE(cluster.wait_for_status("claimed"));
  const std::string status = cluster.status();
  EXPECT_NE(status.find("one"), std::string::npos) << status;
  EXPECT_NE(status.find("2 cpus"), std::string::npos) << status;
  EXPECT_NE(status.find("1.0 GiB"), std::string::npos) << status;
}

}  // namespace
}  // namespace morrow::test
