// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string_view>

#include <morrow/morrow.h>

#include "tests/public/fake_core.h"

namespace {

using namespace morrow::literals;

class Options : public testing::Test {
 protected:
  void SetUp() override { fake::reset(); }
};

TEST_F(Options, DefaultsAreOneCpuAndThreeRetries) {
  morrow::submit([] {});
  const morrow::Options& options = fake::last().options;
  EXPECT_EQ(options.cpus.value(), 1);
  EXPECT_EQ(options.memory.value(), 0);
  EXPECT_EQ(options.gpus.value(), 0);
  EXPECT_TRUE(options.resources.empty());
  EXPECT_EQ(options.max_retries.value(), 3);
  EXPECT_FALSE(options.retry_exceptions);
  EXPECT_FALSE(options.timeout.has_value());
  EXPECT_FALSE(options.retry_timeouts);
  EXPECT_FALSE(options.fail_if_unschedulable);
}

TEST_F(Options, BracesNameWhatIsNeeded) {
  morrow::submit(
      {.cpus = 0.5,
       .memory = 1_GiB,
       .gpus = 1,
       .resources = {{"license", 1}, {"disk", 0.25}},
       .max_retries = 5,
       .retry_exceptions = true,
       .timeout = 30s,
       .retry_timeouts = true,
       .name = "train",
       .fail_if_unschedulable = true},
      [](int a) { return a; }, 1);
  const morrow::Options& options = fake::last().options;
  EXPECT_EQ(options.cpus.value(), 0.5);
  EXPECT_EQ(options.memory.value(), 1 << 30);
  EXPECT_EQ(options.gpus.value(), 1);
  EXPECT_EQ(options.resources.at("license").value(), 1);
  EXPECT_EQ(options.resources.at("disk").value(), 0.25);
  EXPECT_EQ(options.max_retries.value(), 5);
  EXPECT_TRUE(options.retry_exceptions);
  EXPECT_EQ(options.timeout->value(), 30s);
  EXPECT_TRUE(options.retry_timeouts);
  EXPECT_EQ(options.name, "train");
  EXPECT_TRUE(options.fail_if_unschedulable);
}

TEST_F(Options, VariablesOfAnyNumberTypeAreNoNarrowing) {
  const int i = 2;
  const double d = 2.5;
  const std::size_t s = 3;
  const float f = 0.5F;
  morrow::submit({.cpus = i, .memory = i, .gpus = s, .max_retries = s}, [] {});
  EXPECT_EQ(fake::last().options.cpus.value(), 2);
  EXPECT_EQ(fake::last().options.max_retries.value(), 3);
  morrow::submit({.cpus = d, .memory = d, .gpus = f}, [] {});
  EXPECT_EQ(fake::last().options.cpus.value(), 2.5);
  EXPECT_EQ(fake::last().options.memory.value(), 2);
}

TEST_F(Options, NumbersThatDoNotFitBecomeTheNearestAndNanIsRefusable) {
  using Limits = std::numeric_limits<std::int64_t>;
  EXPECT_EQ(morrow::WholeNumber(std::numeric_limits<std::uint64_t>::max()).value(), Limits::max());
  EXPECT_EQ(morrow::WholeNumber(1e300).value(), Limits::max());
  EXPECT_EQ(morrow::WholeNumber(-1e300).value(), Limits::min());
  EXPECT_EQ(morrow::WholeNumber(std::nan("")).value(), -1);
  EXPECT_EQ(morrow::WholeNumber(-1).value(), -1);
}

TEST_F(Options, AnyDurationIsATimeout) {
  const auto sent = [](auto length) {
    morrow::submit({.timeout = length}, [] {});
    return fake::last().options.timeout->value();
  };
  EXPECT_EQ(sent(0.5s), 500ms);
  EXPECT_EQ(sent(3h), 3h);
  EXPECT_EQ(sent(7ns), 7ns);
  EXPECT_EQ(sent(std::chrono::hours::max()), std::chrono::nanoseconds::max());
  EXPECT_EQ(sent(std::chrono::duration<double>(1e300)), std::chrono::nanoseconds::max());
}

TEST_F(Options, TheLocationIsThatOfTheSubmit) {
  morrow::submit([](int) {}, 1);
  unsigned line = __LINE__ - 1;
  EXPECT_EQ(fake::last().where.line(), line);
  EXPECT_NE(std::string_view(fake::last().where.file_name()).find("options_test.cc"), std::string_view::npos);
  morrow::submit({.cpus = 2}, [] {});
  line = __LINE__ - 1;
  EXPECT_EQ(fake::last().where.line(), line);
  EXPECT_NE(std::string_view(fake::last().where.file_name()).find("options_test.cc"), std::string_view::npos);
}

TEST_F(Options, OptionsKeptInAVariableCanBeUsedAgain) {
  const morrow::Options heavy{.cpus = 8, .name = "heavy"};
  morrow::submit(heavy, [] {});
  morrow::submit(
      heavy, [](int) {}, 1);
  EXPECT_EQ(fake::last().options.name, "heavy");
  morrow::Options changed = heavy;
  changed.cpus = 4;
  morrow::submit(changed, [] {});
  EXPECT_EQ(fake::last().options.cpus.value(), 4);
}

TEST_F(Options, SizesAreBytes) {
  static_assert(1_KiB == 1024 && 1_MiB == 1024 * 1_KiB && 1_GiB == 1024 * 1_MiB && 1_TiB == 1024 * 1_GiB);
  static_assert(1_kB == 1000 && 1_MB == 1000 * 1_kB && 1_GB == 1000 * 1_MB && 1_TB == 1000 * 1_GB);
  static_assert(1.5_GiB == 3 * 512_MiB && 0.5_kB == 500);
  EXPECT_EQ(morrow::Options{.memory = 4_GiB}.memory.value(), 4LL << 30);
}

}  // namespace
