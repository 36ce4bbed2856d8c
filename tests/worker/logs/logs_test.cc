// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/logs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace morrow::worker {
namespace {

TEST(LineCutter, PiecesBecomeTheLinesTheyWere) {
  LineCutter cutter;
  std::vector<OutputLine> lines;
  cutter.cut("one\ntw", lines);
  cutter.cut("o\n\nthree\r\nfo", lines);
  EXPECT_EQ(lines, (std::vector<OutputLine>{{"one", true}, {"two", true}, {"", true}, {"three\r", true}}));
  OutputLine rest;
  ASSERT_TRUE(cutter.rest(rest));
  EXPECT_EQ(rest, (OutputLine{"fo", false}));
  EXPECT_FALSE(cutter.rest(rest));
}

TEST(LineCutter, ALineWithoutAnEndIsCutAndNothingIsLost) {
  LineCutter cutter;
  std::vector<OutputLine> lines;
  const std::string text(LineCutter::kMaxLine * 2 + 5, 'x');
  for (std::size_t at = 0; at < text.size(); at += 1000) cutter.cut(std::string_view(text).substr(at, 1000), lines);
  std::string all;
  for (const OutputLine& line : lines) {
    EXPECT_LE(line.text.size(), LineCutter::kMaxLine);
    EXPECT_FALSE(line.whole);
    all += line.text;
  }
  OutputLine rest;
  ASSERT_TRUE(cutter.rest(rest));
  EXPECT_EQ(all + rest.text, text);
}

TEST(Logs, WhatTasksWriteStandsInTheirFileWithTheirNames) {
  char folder[] = "/tmp/morrow_logs_test_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  {
    Logs logs({std::string(folder) + "/deep/one", true});
    const OutputSource train{"train", "0123456789abcdef/5", 1};
    logs.task_lines(train, false, {{"loss 1"}, {"loss {} %n"}});
    logs.task_lines(train, true, {{"careful"}});
  }
  std::ifstream file(std::string(folder) + "/deep/one/tasks.log");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("0123456789abcdef/5#1 out train: loss 1\n"), std::string::npos);
  EXPECT_NE(text.str().find("0123456789abcdef/5#1 out train: loss {} %n\n"), std::string::npos);
  EXPECT_NE(text.str().find("0123456789abcdef/5#1 err train: careful\n"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Logs, AFullDiskIsSaidOnceAndHoldsUpNobody) {
  char folder[] = "/tmp/morrow_logs_test_XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  std::filesystem::create_symlink("/dev/full", std::string(folder) + "/worker.log");
  testing::internal::CaptureStderr();
  {
    Logs logs({folder, true});
    for (int i = 0; i < 3; ++i) logs.say("a line");
  }
  const std::string said = testing::internal::GetCapturedStderr();
  const std::string sentence =
      "morrow: the log in " + std::string(folder) + " can't be written, and lines of it are lost: ";
  EXPECT_EQ(said.find(sentence), 0U) << said;
  EXPECT_EQ(said.find(sentence, 1), std::string::npos) << said;
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace morrow::worker
