// SPDX-License-Identifier: Apache-2.0
#include "base/monotonic_clock.h"

#include <gtest/gtest.h>
#include <time.h>

namespace morrow::base {
namespace {

std::uint64_t kernel_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

TEST(MonotonicClock, IsTheKernelsOne) {
  const std::uint64_t before = kernel_ns();
  const std::uint64_t between = monotonic_ns();
  EXPECT_GE(between, before);
  EXPECT_LE(between, kernel_ns());
}

TEST(MonotonicClock, MillisecondsAreThoseOfTheNanoseconds) {
  const std::uint64_t before = monotonic_ns() / 1'000'000;
  const std::uint64_t between = monotonic_ms();
  EXPECT_GE(between, before);
  EXPECT_LE(between, monotonic_ns() / 1'000'000);
}

}  // namespace
}  // namespace morrow::base
