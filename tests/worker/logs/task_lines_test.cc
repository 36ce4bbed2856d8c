// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/task_lines.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace morrow::worker {
namespace {

constexpr const char* kTime = "2026-11-27 03:28:09.123 ";

TEST(TaskLines, GiveBackEveryByteThatATaskWroteAndWhoWroteIt) {
  EXPECT_TRUE(rc::check(
      [](const std::string& bytes, const std::string& name, std::uint32_t attempt, bool whole, bool to_stderr) {
        std::string text = bytes;
        std::erase(text, '\n');
        const std::string line = kTime + task_line({name, "0123456789abcdef/5", attempt}, to_stderr, {text, whole});
        RC_ASSERT(line.find('\n') == std::string::npos);
        const auto parsed = parse_task_line(line);
        RC_ASSERT(parsed.has_value());
        RC_ASSERT(parsed->future == "0123456789abcdef/5");
        RC_ASSERT(parsed->attempt == attempt);
        RC_ASSERT(parsed->to_stderr == to_stderr);
        RC_ASSERT(parsed->whole == whole);
        RC_ASSERT(parsed->name == written_name(name));
        RC_ASSERT(parsed->text == text);
      }));
}

TEST(TaskLines, OfNamesThatLookLikeTheRestOfALineAreReadAsTheyWere) {
  for (const std::string name : {"a: b", "a:", ":", ": : ", "main()::<lambda()>", "two\nlines", ""}) {
    const std::string line = kTime + task_line({name, "0123456789abcdef/5", 2}, false, {": text: ", true});
    const auto parsed = parse_task_line(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_EQ(parsed->name, written_name(name));
    EXPECT_EQ(parsed->text, ": text: ");
  }
}

TEST(TaskLines, WhatNoTaskWroteHasNoFuture) {
  const std::string line = kTime + task_line({"(no task)", "", 0}, true, {"hello", true});
  const auto parsed = parse_task_line(line);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->future.empty());
  EXPECT_EQ(parsed->text, "hello");
}

TEST(TaskLines, OtherTextIsNone) {
  for (const char* text : {"", "2026-11-27 03:28:09.123 ", "2026-11-27 03:28:09.123 x out a: b",
                           "2026-11-27 03:28:09.123 x#1y out a: b", "2026-11-27 03:28:09.123 x#1 put a: b",
                           "2026-11-27 03:28:09.123 x#1 out a", "2026-11-27 03:28:09.123 #1 out a: b"}) {
    EXPECT_FALSE(parse_task_line(text)) << text;
  }
}

}  // namespace
}  // namespace morrow::worker
