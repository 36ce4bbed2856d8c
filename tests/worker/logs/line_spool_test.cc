// SPDX-License-Identifier: Apache-2.0
#include "worker/logs/line_spool.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace morrow::worker {
namespace {

class LineSpoolTest : public ::testing::Test {
 protected:
  LineSpoolTest() {
    char name[] = "/tmp/morrow_spool_test_XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~LineSpoolTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

TEST_F(LineSpoolTest, WhatCameFirstGoesFirst) {
  LineSpool spool(folder_);
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.take(10), "");
  EXPECT_TRUE(spool.add("one"));
  EXPECT_TRUE(spool.add("two"));
  EXPECT_EQ(spool.take(4), "onet");
  EXPECT_TRUE(spool.add("three"));
  EXPECT_EQ(spool.take(100), "wothree");
  EXPECT_TRUE(spool.empty());
}

TEST_F(LineSpoolTest, LeavesNoFile) {
  LineSpool spool(folder_);
  EXPECT_TRUE(spool.add("one"));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(LineSpoolTest, WhatHasNoRoomIsNotKeptInPart) {
  LineSpool spool(folder_, 10);
  EXPECT_TRUE(spool.add("123456"));
  EXPECT_FALSE(spool.add("78901"));
  EXPECT_TRUE(spool.add("7890"));
  EXPECT_EQ(spool.take(3), "123");
  EXPECT_TRUE(spool.add("abc"));
  EXPECT_FALSE(spool.add("d"));
  EXPECT_EQ(spool.take(100), "4567890abc");
}

TEST_F(LineSpoolTest, AFolderThatIsGoneKeepsNothing) {
  LineSpool spool(folder_ + "/gone");
  EXPECT_FALSE(spool.add("one"));
  EXPECT_TRUE(spool.empty());
}

RC_GTEST_PROP(LineSpool, IsAQueueOfBytes, (const std::vector<std::pair<std::string, std::uint8_t>>& steps)) {
  LineSpool spool("/tmp");
  std::string expected;
  for (const auto& [bytes, most] : steps) {
    RC_ASSERT(spool.add(bytes));
    expected += bytes;
    const std::string taken = spool.take(most);
    RC_ASSERT(taken == expected.substr(0, most));
    expected.erase(0, most);
    RC_ASSERT(spool.empty() == expected.empty());
  }
}

}  // namespace
}  // namespace morrow::worker
