// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/base/expect_abort.h"

namespace morrow::base {
namespace {

Result<std::string> name_of(int number) {
  if (number < 0) return Problem{"there are no names below zero"};
  return "number " + std::to_string(number);
}

Result<void> check(int number) {
  if (number < 0) return Problem{"it is below zero"};
  return {};
}

TEST(Result, HasTheValue) {
  Result<std::string> result = name_of(1);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(*result, "number 1");
  *result = "other";
  EXPECT_EQ(result->size(), 5U);
  EXPECT_EQ(*std::move(result), "other");
}

TEST(Result, OrTheSentence) {
  const Result<std::string> result = name_of(-1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.problem(), "there are no names below zero");
  EXPECT_EQ(name_of(-1).value_or("none"), "none");
  EXPECT_EQ(name_of(1).value_or("none"), "number 1");
}

TEST(Result, AStringAsValueIsNoProblem) {
  const Result<std::string> literal = "text";
  EXPECT_EQ(*literal, "text");
}

TEST(Result, HoldsWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(4);
  const std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 4);
  Result<std::vector<int>> list = Problem{"none yet"};
  list = std::vector<int>{1, 2};
  EXPECT_EQ(list->size(), 2U);
}

TEST(Result, OfVoidIsDoneOrSaysWhyNot) {
  EXPECT_TRUE(check(1).ok());
  EXPECT_FALSE(check(-1));
  EXPECT_EQ(check(-1).problem(), "it is below zero");
}

TEST(ResultDeathTest, TakingWhatIsNotThereBreaksAnInvariant) {
  EXPECT_ABORT(*name_of(-1), "has one; .*there are no names below zero");
  EXPECT_ABORT(name_of(1).problem(), "has no problem");
  EXPECT_ABORT(check(1).problem(), "has no problem");
}

}  // namespace
}  // namespace morrow::base
