// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>

#include "tests/troubles/stage.h"

namespace morrow::test {
namespace {

/// What a command says, on either stream.
std::string all_of(const Result& result) { return result.out + result.err; }

/// Two workers; the first by name, of which each command would hear first, stands still.
class Asking : public Stage {
 protected:
  void SetUp() override {
    lives_ = cluster_.worker({"--cpus", "1", "--name", "b"});
    driver_ = stage("sleeps");
    ASSERT_TRUE(says("sleeper", "runs on worker b"));
    stands_ = cluster_.worker({"--cpus", "1", "--name", "a"});
    stands_->signal(SIGSTOP);
  }
  std::string sentence() const { return "worker a does not answer (process " + std::to_string(stands_->pid()); }

  std::unique_ptr<Process> lives_;
  std::unique_ptr<Process> driver_;
  std::unique_ptr<Process> stands_;
};

TEST_F(Asking, AWorkerThatStandsStillIsALineInEachAnswerAndTheRestIsShown) {
  const std::string name = cluster_.name();
  const std::vector<std::pair<std::vector<std::string>, std::string>> commands{
      {{"status", name}, "sessions: 1"},        {{"list", "tasks", name}, "sleeper"},
      {{"list", "futures", name}, "sleeper"},   {{"list", "sessions", name}, "open"},
      {{"list", "workers", name}, "PROCESSES"}, {{"list", "clusters"}, name},
      {{"why", name, "sleeper"}, "runs on"},    {{"objects", name}, "object memory:"},
      {{"summary", name}, "sleeper"},
  };
  for (const auto& [words, rest] : commands) {
    const Result result = command(words);
    EXPECT_EQ(result.status, 0) << words.front();
    EXPECT_TRUE(has(all_of(result), sentence())) << words.front();
    EXPECT_TRUE(has(result.out, rest)) << words.front();
  }
  EXPECT_TRUE(has(command({"token", name}).out, "morrow://"));
}

TEST_F(Asking, WithWarnAWorkerThatStandsStillIsStatusThree) {
  for (const char* what : {"tasks", "workers", "sessions"})
    EXPECT_EQ(command({"list", what, cluster_.name(), "-w"}).status, 3) << what;
  EXPECT_EQ(command({"status", cluster_.name(), "--warn"}).status, 3);
}

TEST_F(Asking, AnOrderToAWorkerThatStandsStillIsRefusedWithThatSentence) {
  const Result result = command({"drain", cluster_.name(), "a"});
  EXPECT_EQ(result.status, 1);
  EXPECT_TRUE(has(result.err, sentence()));
}

TEST_F(Asking, WhatIsCancelledIsCancelledByTheOthers) {
  EXPECT_TRUE(has(command({"cancel", cluster_.name(), "sleeper"}).out, "cancelled future "));
}

}  // namespace
}  // namespace morrow::test
