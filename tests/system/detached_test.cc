// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/system/support.h"

namespace morrow::test {
namespace {

class DetachedJobs : public testing::Test {
 protected:
  std::unique_ptr<Process> worker(const std::string& name) { return cluster_.worker({"--cpus", "1", "--name", name}); }
  Result run(const std::string& job, const std::string& argument = {}) {
    return cluster_.run({std::filesystem::path(scenarios()).replace_filename("detached_scenarios"), job, argument});
  }

  Cluster cluster_;
};

TEST_F(DetachedJobs, AFutureIsFoundByALaterDriverUntilItIsReleased) {
  const auto one = worker("one");
  EXPECT_EQ(run("submit").out, "submitted\n");
  EXPECT_EQ(run("find").out, "found 42\n");
  EXPECT_EQ(run("find").out, "found 42\n");
  EXPECT_TRUE(has(run("release").out, "no detached future of the name nightly"));
  EXPECT_EQ(run("find").status, 1);
}

TEST_F(DetachedJobs, AFutureThatNobodyRanYetIsRunByAWorkerOfAnotherDay) {
  const std::string gate = cluster_.folder() + "/gate";
  {
    const auto one = worker("one");
    EXPECT_EQ(run("submit", gate).out, "submitted\n");
    one->signal(SIGKILL);
    one->wait();
  }
  std::filesystem::remove_all(cluster_.folder() + "/cache");
  std::ofstream(gate) << "go";
  const auto two = worker("two");
  EXPECT_EQ(run("find").out, "found 42\n");
}

TEST_F(DetachedJobs, ItsLargeArgumentsAreItsOwn) {
  const auto one = worker("one");
  EXPECT_EQ(run("submit_large").out, "submitted\n");
  EXPECT_EQ(run("find").out, "found 3000000\n");
}

TEST_F(DetachedJobs, ANameBelongsToOneUntilThatIsReleased) {
  const auto one = worker("one");
  const Result result = run("twice");
  EXPECT_TRUE(has(result.out, "the name nightly belongs to another detached future")) << result.out << result.err;
  EXPECT_TRUE(has(result.out, "first 1\nagain 3\n")) << result.out << result.err;
}

TEST_F(DetachedJobs, ATaskMaySubmitOne) {
  const auto one = worker("one");
  const Result result = run("from_task");
  EXPECT_EQ(result.out, "submitted\n") << result.err;
  EXPECT_EQ(run("find").out, "found 42\n");
}

TEST_F(DetachedJobs, ATaskThatIsTriedAgainFindsTheOneOfItsLastAttempt) {
  const auto one = worker("one");
  const Result result = run("from_task_again", cluster_.folder() + "/first");
  EXPECT_EQ(result.out, "parent 42\n") << result.err;
  EXPECT_EQ(run("find").out, "found 42\n");
}

TEST_F(DetachedJobs, WhatItDependsOnOutlivesTheSessionToo) {
  const std::string gate = cluster_.folder() + "/gate";
  const auto one = worker("one");
  EXPECT_EQ(run("submit_after", gate).out, "submitted\n");
  std::ofstream(gate) << "go";
  EXPECT_EQ(run("find").out, "found 8\n");
  EXPECT_TRUE(has(run("release").out, "no detached future of the name nightly"));
}

TEST_F(DetachedJobs, WhatItHasOnlyCapturedEndsWithTheSessionAndTheErrorSaysSo) {
  const auto one = worker("one");
  EXPECT_EQ(run("submit_captured", cluster_.folder() + "/gate").out, "submitted\n");
  const Result result = run("find");
  EXPECT_TRUE(has(result.out, "released, or its scope has ended")) << result.out << result.err;
}

TEST_F(DetachedJobs, ANameThatIsNoneIsRefused) {
  const auto one = worker("one");
  const Result result = run("bad_names");
  EXPECT_TRUE(has(result.out, "must not be empty")) << result.out;
  EXPECT_TRUE(has(result.out, "at most 256 bytes")) << result.out;
  EXPECT_FALSE(has(result.out, "taken")) << result.out;
}

}  // namespace
}  // namespace morrow::test
