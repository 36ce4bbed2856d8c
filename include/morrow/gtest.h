// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// GoogleTest in tasks. Needs GoogleTest, and no other header includes this one.

#include <gtest/gtest.h>

#include <morrow/executor.h>

namespace morrow::detail {

/// A task is a process: what GoogleTest notes there nobody sees, so that the test would pass. So in executors an EXPECT
/// or ASSERT that fails throws, which is the failure of the task: its get() throws it in the test. Including this
/// header in one file of the program is enough:
///
///     int main(int argc, char** argv) {
///       testing::InitGoogleTest(&argc, argv);
///       morrow::Session session;
///       return RUN_ALL_TESTS();
///     }
[[maybe_unused]] inline const bool expectations_fail_tasks = [] {
  on_executor_start([] {
#ifdef GTEST_FLAG_SET
    GTEST_FLAG_SET(throw_on_failure, true);
#else
    testing::GTEST_FLAG(throw_on_failure) = true;
#endif
  });
  return true;
}();

}  // namespace morrow::detail
