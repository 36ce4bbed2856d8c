// SPDX-License-Identifier: Apache-2.0
// Tests with GoogleTest of code that runs in tasks.
//
//   gtest [--gtest_filter=…]
//
// Most is tested without Morrow, by a call of the function. What is left is how tasks are put together, and what comes
// out of them when they fail. morrow/gtest.h makes an EXPECT that fails in a task fail the test; link with gtest and
// not with gtest_main, whose main has no Session line. One session serves all tests.
#include <gtest/gtest.h>
#include <morrow/gtest.h>
#include <morrow/morrow.h>

#include <numeric>
#include <stdexcept>
#include <vector>

namespace {

// What is tested; in a program of yours it has files of its own.

double mean(const std::vector<double>& values) {
  if (values.empty()) throw std::invalid_argument("no values");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// The mean of all, by a task for each half.
double mean_by_halves(const std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  const auto left = morrow::submit(mean, std::vector<double>(values.begin(), middle));
  const auto right = morrow::submit(mean, std::vector<double>(middle, values.end()));
  return morrow::submit([](double a, double b) { return (a + b) / 2; }, left, right).get();
}

TEST(Mean, ByHalvesIsThatOfTheWhole) {
  const std::vector<double> values{1, 2, 3, 6};
  EXPECT_EQ(mean(values), 3);
  EXPECT_EQ(mean_by_halves(values), 3);
}

TEST(Mean, OfNothingIsRefusedAndTheReasonComesThrough) {
  const auto nothing = morrow::submit(mean, std::vector<double>());
  try {
    nothing.get();
    FAIL() << "a mean of nothing";
  } catch (const morrow::RemoteError& error) {
    EXPECT_EQ(error.type(), "std::invalid_argument");
    EXPECT_EQ(error.message(), "no values");
    EXPECT_THROW(std::rethrow_if_nested(error), std::invalid_argument);
  }
}

TEST(Mean, IsTheSameInATask) {
  // An EXPECT in a task; where it failed, get() would throw it here.
  morrow::submit([] { EXPECT_EQ(mean({1, 2}), 1.5); }).get();
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const morrow::Session session;
  return RUN_ALL_TESTS();
}
