// SPDX-License-Identifier: Apache-2.0
// A test program of a user: what is expected in a task, and in the driver.
#include <gtest/gtest.h>
#include <morrow/gtest.h>
#include <morrow/morrow.h>

TEST(Expectations, ThatHoldInATaskPass) {
  EXPECT_EQ(morrow::submit([] {
              EXPECT_EQ(2, 1 + 1);
              return 3;
            }).get(),
            3);
}

TEST(Expectations, ThatFailInATaskFail) {
  morrow::submit([] { EXPECT_EQ(3, 1 + 1) << "in the task"; }).get();
}

TEST(Expectations, ThatFailInAChildOfATaskFail) {
  morrow::submit([] { morrow::submit([] { ASSERT_TRUE(false) << "in its child"; }).get(); }).get();
}

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const morrow::Session session;
  return RUN_ALL_TESTS();
}
