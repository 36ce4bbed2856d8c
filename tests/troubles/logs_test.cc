// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

class LogsOf : public Stage {
 protected:
  Result logs(const std::string& what, const std::vector<std::string>& options = {}) {
    std::vector<std::string> words{"logs", cluster_.name(), what};
    words.insert(words.end(), options.begin(), options.end());
    return command(words);
  }
  /// Asks until the output is there: a worker writes its logs now and then.
  std::string output(const std::string& what, const std::vector<std::string>& options = {}) {
    Result last;
    eventually([&] {
      last = logs(what, options);
      return !last.out.empty();
    });
    return last.out;
  }
};

TEST_F(LogsOf, ATaskAreTheBytesThatItWroteToEachStream) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("writes");
  ASSERT_TRUE(driver->wait_for_text("written"));
  EXPECT_EQ(output("writer"), std::string("one\n\0\xff\x1b[31m\r\n\nno end", 21));
  EXPECT_TRUE(has(logs("writer").err, "careful\n"));
}

TEST_F(LogsOf, ATaskAreThereWhenItsWorkerIsGone) {
  auto worker = cluster_.worker({"--cpus", "1"});
  auto driver = stage("writes");
  ASSERT_TRUE(driver->wait_for_text("written"));
  driver.reset();
  worker->signal(SIGTERM);
  EXPECT_EQ(worker->wait().status, 0);
  EXPECT_TRUE(has(logs("writer").out, "one\n"));
}

TEST_F(LogsOf, ATaskAreFollowedToItsEnd) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("writes_long");
  ASSERT_TRUE(says("writer", "runs on"));
  std::string all;
  for (int i = 0; i < 20; ++i) all += "line " + std::to_string(i) + "\n";
  const Result followed = logs("writer", {"-f"});
  EXPECT_EQ(followed.status, 0) << followed.err;
  EXPECT_EQ(followed.out, all);
}

TEST_F(LogsOf, AnAttemptAndTheOneBeforeItStandApart) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  cluster_.expect_crashes();
  const auto driver = stage("crashes_once");
  ASSERT_TRUE(eventually([&] { return logs("second try").out == "the second attempt\n"; })) << logs("second try").out;
  EXPECT_EQ(logs("second try", {"--previous"}).out, "the first attempt\n");
}

TEST_F(LogsOf, AFutureGoByTheIdThatEachMessageNames) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const auto driver = stage("writes_long");
  ASSERT_TRUE(says("writer", "runs on"));
  const std::string text = why("writer").out;
  const std::string begin = "future ";
  ASSERT_TRUE(has(text, begin));
  const std::string id = text.substr(begin.size(), text.find(' ', begin.size()) - begin.size());
  EXPECT_TRUE(has(output(id), "line 0\n"));
}

TEST_F(LogsOf, AWorkerAreItsOwnAndFollowedToItsEnd) {
  const auto worker = cluster_.worker({"--cpus", "1", "--name", "one"});
  EXPECT_TRUE(has(logs("one").out, "worker one of cluster test is ready"));
  const auto follower = cluster_.start({bin() + "/morrow", "logs", cluster_.name(), "one", "--follow"});
  ASSERT_TRUE(follower->wait_for_text("is ready"));
  worker->signal(SIGTERM);
  EXPECT_EQ(worker->wait().status, 0);
  const Result result = follower->wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_TRUE(has(result.out, "worker one has ended"));
}

TEST_F(LogsOf, WhatIsNotThereAreASentenceThatSaysWhereItWasLookedFor) {
  const auto worker = cluster_.worker({"--cpus", "1"});
  const Result result = logs("nobody");
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, "no task and no worker 'nobody' is in the logs of cluster test on this machine ("));
  const auto driver = stage("sleeps");
  ASSERT_TRUE(says("sleeper", "runs on"));
  EXPECT_TRUE(has(logs("sleeper").err, "has written nothing on this machine: it runs on worker"));
}

}  // namespace
}  // namespace morrow::test
