// SPDX-License-Identifier: Apache-2.0
#include "base/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace morrow::base {
namespace {

TEST(Environment, AVariableThatIsNotSetIsEmpty) {
  ASSERT_EQ(setenv("MORROW_TEST_OF_BASE", "a value", 1), 0);
  EXPECT_EQ(environment("MORROW_TEST_OF_BASE"), "a value");
  ASSERT_EQ(unsetenv("MORROW_TEST_OF_BASE"), 0);
  EXPECT_EQ(environment("MORROW_TEST_OF_BASE"), "");
}

TEST(Environment, ALineSetsTheVariableOfItsWholeName) {
  const std::string line = environment_line(kExecutorVariable, "3");
  EXPECT_EQ(line, "MORROW_EXECUTOR=3");
  EXPECT_TRUE(sets_variable(line, kExecutorVariable));
  EXPECT_TRUE(sets_variable("MORROW_EXECUTOR=", kExecutorVariable));
  EXPECT_FALSE(sets_variable("MORROW_EXECUTOR", kExecutorVariable));
  EXPECT_FALSE(sets_variable("MORROW_EXECUTORS=3", kExecutorVariable));
  EXPECT_FALSE(sets_variable("NOT_MORROW_EXECUTOR=3", kExecutorVariable));
}

}  // namespace
}  // namespace morrow::base
