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
        .left_out =
            [this](control::SessionId session, const std::string& place, std::uint64_t lines) {
              left_out_.push_back(std::to_string(session) + ": " + std::to_string(lines) + " in " + place);
            },
        .keep_logs = [this] { keeps_logs_ = true; },
    };
  }

  TaskOutput::Source source_{"sum", true, 5};
  TaskOutput::Reader reader_{true, 1, true};
  std::size_t unsent_ = 0;
  Lines logged_;
  std::vector<SentFrame> sent_;
  std::vector<control::SessionId> relayed_;
  Lines left_out_;
  bool keeps_logs_ = false;
  TaskOutput output_{means(), {"w1", "/tmp", "/tmp/tasks.log", false}};
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

TEST_F(TaskOutputTest, ADriverThatDoesNotReadGetsAllLinesInTheirOrderLater) {
  unsent_ = 5 << 20;
  output_.wrote(4, false, "one\ntwo\n");
  output_.wrote(4, true, "three\n");
  EXPECT_TRUE(sent_.empty());
  unsent_ = 1;
  output_.wrote(4, false, "four\n");
  EXPECT_TRUE(sent_.empty()) << "not before those that wait";
  unsent_ = 0;
  output_.client_took_all(1);
  Lines lines;
  for (const SentFrame& frame : sent_) {
    const auto log = frame.as<wire::Log>();
    lines.insert(lines.end(), log.lines().begin(), log.lines().end());
    EXPECT_EQ(log.to_stderr(), log.lines(0) == "three");
  }
  EXPECT_EQ(lines, (Lines{"one", "two", "three", "four"}));
  output_.wrote(4, false, "five\n");
  EXPECT_EQ(sent_.back().as<wire::Log>().lines(0), "five");
  EXPECT_FALSE(keeps_logs_);
}

TEST_F(TaskOutputTest, MuchThatWaitsIsGivenPieceByPieceAndTheEndOfTheSessionLast) {
  unsent_ = 5 << 20;
  const std::string line(1'000, 'x');
  for (int i = 0; i < 3'000; ++i) output_.wrote(4, false, std::to_string(i) + line + "\n");
  output_.end_session(1, {});
  EXPECT_TRUE(sent_.empty());
  int next = 0;
  for (int pieces = 0; next < 3'000; ++pieces) {
    ASSERT_LT(pieces, 10);
    unsent_ = 0;
    output_.client_took_all(1);
    unsent_ = 1;
    for (const SentFrame& frame : sent_) {
      if (frame.type == wire::SESSION_ENDED) continue;
      EXPECT_EQ(frame.as<wire::Log>().lines(0), std::to_string(next++) + line);
    }
    EXPECT_EQ(sent_.back().type == wire::SESSION_ENDED, next == 3'000);
    sent_.clear();
  }
}

TEST_F(TaskOutputTest, LinesThatFindNoRoomAreCountedAndTheLogThatHasThemIsNamedAndStays) {
  TaskOutput output(means(), {"w1", "/no/such/folder", "/logs/tasks.log", false});
  unsent_ = 5 << 20;
  output.wrote(4, false, "one\ntwo\n");
  wire::Log log;
  log.set_session(5);
  log.add_lines("of another worker");
  log.set_place("/other/tasks.log");
  output.relayed(log.SerializeAsString());
  unsent_ = 0;
  output.client_took_all(1);
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[0].as<wire::Notice>().text(),
            "2 lines of tasks were left out here, since they came faster than they were read; all lines are in "
            "/logs/tasks.log");
  EXPECT_TRUE(sent_[1].as<wire::Notice>().text().starts_with("1 line of tasks"));
  EXPECT_TRUE(keeps_logs_);
  EXPECT_EQ(logged_.size(), 2U);
  output.wrote(4, false, "three\n");
  EXPECT_EQ(sent_.size(), 3U) << "told once";
}

TEST_F(TaskOutputTest, LinesThatCameWhileADriverWasOnItsWayHereAreCounted) {
  reader_ = {true, 0, false};
  output_.wrote(4, false, "one\ntwo\n");
  EXPECT_TRUE(sent_.empty());
  reader_ = {true, 1, true};
  output_.wrote(4, false, "three\n");
  ASSERT_EQ(sent_.size(), 2U);
  EXPECT_EQ(sent_[0].as<wire::Log>().lines(0), "three");
  EXPECT_TRUE(sent_[1].as<wire::Notice>().text().starts_with("2 lines of tasks")) << "before it was welcome";
}

TEST_F(TaskOutputTest, WhatADriverHadNotReadWhenItsConnectionEndedIsCountedForTheEndOfItsSession) {
  output_.wrote(4, false, "read\n");
  output_.wrote(4, false, "not sent\n");
  unsent_ = 5 << 20;
  output_.wrote(4, false, "one\ntwo\n");
  wire::Log log;
  log.set_session(5);
  log.add_lines("of another worker");
  log.set_place("/other/tasks.log");
  output_.relayed(log.SerializeAsString());
  std::string frames;
  wire::append_frame(frames, wire::LOG, sent_.at(1).as<wire::Log>());
  wire::append_frame(frames, wire::ACK, wire::Ack());
  output_.client_missed(1, frames);
  output_.client_gone(1, 5);
  EXPECT_EQ(left_out_, (Lines{"5: 1 in /other/tasks.log", "5: 3 in /tmp/tasks.log"}));
  output_.client_gone(1, 5);
  EXPECT_EQ(left_out_.size(), 2U);
}

TEST_F(TaskOutputTest, WhatADriverHasReadIsNotCountedWhenItsConnectionEnds) {
  unsent_ = 5 << 20;
  output_.wrote(4, false, "one\ntwo\n");
  unsent_ = 0;
  output_.client_took_all(1);
  output_.client_gone(1, 5);
  EXPECT_EQ(left_out_, Lines{});
}

TEST_F(TaskOutputTest, WhatADriverLeavesBehindItsSessionIsNotCounted) {
  unsent_ = 5 << 20;
  output_.wrote(4, false, "one\n");
  output_.client_gone(1, 0);
  EXPECT_EQ(left_out_, Lines{});
}

TEST_F(TaskOutputTest, AWorkerThatLeavesCountsLinesForDriversThatDidNotComeBack) {
  reader_ = {true, 0, false};
  output_.wrote(4, false, "one\ntwo\n");
  output_.stop();
  EXPECT_EQ(left_out_, Lines{"5: 2 in /tmp/tasks.log"});
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
  log.add_lines("two");
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
