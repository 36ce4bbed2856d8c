// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/task_output.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

using Lines = std::vector<std::string>;

class TaskOutputTest : public ::testing::Test {
 protected:
  TaskOutput::Means means() {
    return {
        .log_lines =
            [this](const OutputSource& source, bool, const std::vector<OutputLine>& lines) {
              for (const OutputLine& line : lines) logged_.push_back(source.name + ": " + line.text);
            },
        .source_of = [this](ExecutorId) { return source_; },
        .reader_of = [this](control::SessionId) { return reader_; },
        .unsent_bytes = [this](ClientId) { return unsent_; },
        .send =
            [this](ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
              sent_.push_back({client, type, message.SerializeAsString()});
            },
        .relay = [this](control::SessionId session, wire::Log&) { relayed_.push_back(session); },
    };
  }

  TaskOutput::Source source_{"sum", true, 5};
  TaskOutput::Reader reader_{true, 1, true};
  std::size_t unsent_ = 0;
  Lines logged_;
  std::vector<SentFrame> sent_;
  std::vector<control::SessionId> relayed_;
  TaskOutput output_{means(), "w1", false};
};

TEST_F(TaskOutputTest, WholeLinesGoToTheLogAndToTheDriver) {
  output_.wrote(4, true, "one\ntw");
  EXPECT_EQ(logged_, Lines{"sum: one"});
  const auto log = sent_.at(0).as<wire::Log>();
  EXPECT_EQ(log.task(), "sum");
  EXPECT_EQ(log.worker(), "w1");
  EXPECT_TRUE(log.to_stderr());
  output_.end_lines(4);
  EXPECT_EQ(logged_.at(1), "sum: tw");
}

TEST_F(TaskOutputTest, ADriverThatDoesNotReadLosesLinesAndIsToldHowMany) {
  unsent_ = 5 << 20;
  output_.wrote(4, false, "one\ntwo\n");
  output_.wrote(4, false, "three\n");
  EXPECT_TRUE(sent_.empty());
  unsent_ = 0;
  output_.wrote(4, false, "four\n");
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[0].as<wire::Notice>().text().substr(0, 16), "3 lines of tasks");
  EXPECT_EQ(sent_[1].as<wire::Log>().lines(0), "four");
  output_.wrote(4, false, "five\n");
  EXPECT_EQ(sent_.size(), 3u) << "told once";
  EXPECT_EQ(logged_.size(), 5u) << "the log has them all";
}

TEST_F(TaskOutputTest, LinesOfASessionElsewhereAreRelayed) {
  reader_ = {};
  output_.wrote(4, false, "one\n");
  EXPECT_EQ(relayed_, std::vector<control::SessionId>{5});
  reader_.attached = true;
  output_.wrote(4, false, "two\n");
  source_.session = 0;
  reader_.attached = false;
  output_.wrote(4, false, "three\n");
  EXPECT_EQ(relayed_.size(), 1u) << "not while its driver is on its way here, nor of no session";
}

TEST_F(TaskOutputTest, ADriverThatWantsNoLinesGetsNone) {
  reader_.wants_log = false;
  output_.wrote(4, false, "one\n");
  wire::Log log;
  log.set_session(5);
  output_.relayed(log.SerializeAsString());
  EXPECT_TRUE(sent_.empty());
  reader_.wants_log = true;
  output_.relayed(log.SerializeAsString());
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(TaskOutputTest, WhatNoTaskWroteIsNobodys) {
  source_ = {"program", false, 0};
  output_.wrote(4, false, "one\n");
  output_.program_wrote("p", "two\n");
  EXPECT_EQ(logged_, (Lines{"(no task): one", "(the start of a program): two"}));
}

}  // namespace
}  // namespace morrow::worker
