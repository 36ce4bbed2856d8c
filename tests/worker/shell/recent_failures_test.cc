// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/recent_failures.h"

#include <gtest/gtest.h>

#include <memory>

namespace morrow::worker {
namespace {

action::TaskFailed failed(std::uint64_t sequence, bool again = false) {
  auto spec = std::make_shared<control::Spec>();
  spec->name = "sort";
  auto outcome = std::make_shared<control::Outcome>();
  outcome->failure = control::FailureKind::kTimeout;
  return {{7, sequence}, spec, 1, again, outcome};
}

TEST(RecentFailures, GiveALineForTheLogWithTheIdAndTheName) {
  RecentFailures failures("one");
  EXPECT_EQ(failures.add(1, failed(5)), "future 0000000000000007/5 'sort' failed: it ran longer than its timeout");
  EXPECT_EQ(failures.add(1, failed(6, true)),
            "future 0000000000000007/6 'sort' failed: it ran longer than its timeout; it is tried again");
}

TEST(RecentFailures, AnAttemptThatIsTriedAgainIsOnlyCounted) {
  RecentFailures failures("one");
  failures.add(1, failed(5, true));
  failures.add(2, failed(5));
  EXPECT_EQ(failures.retries(), 1U);
  EXPECT_EQ(failures.ends().at(control::FailureKind::kTimeout), 1U);
  ASSERT_EQ(failures.recent(3).size(), 1U);
  EXPECT_EQ(failures.recent(3)[0].worker(), "one");
}

TEST(RecentFailures, AreKeptForAnHourAndNeverTooMany) {
  RecentFailures failures("one");
  failures.add(1, failed(1));
  EXPECT_TRUE(failures.recent(2 + RecentFailures::kKeptFor).empty());
  for (std::uint64_t i = 0; i < RecentFailures::kMostKept + 5; ++i) failures.add(2, failed(i));
  const auto recent = failures.recent(3);
  EXPECT_EQ(recent.size(), RecentFailures::kMostKept);
  EXPECT_EQ(recent.front().id().sequence(), 5U);
}

TEST(RecentFailures, AFloodOfThemTakesFewLinesOfTheLogAndIsCounted) {
  constexpr Time kOneSecond = 1'000'000'000;
  RecentFailures failures("one");
  std::uint64_t lines = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) lines += failures.add(kOneSecond, failed(i)).has_value() ? 1 : 0;
  EXPECT_EQ(lines, RecentFailures::kLinesASecond);
  EXPECT_FALSE(failures.left_out(kOneSecond)) << "the second is not over";
  EXPECT_EQ(failures.left_out(3 * kOneSecond), "and 99980 more attempts failed; the counts are among the metrics");
  EXPECT_FALSE(failures.left_out(4 * kOneSecond)) << "it was told";
  EXPECT_TRUE(failures.add(4 * kOneSecond, failed(1))) << "the next second has lines of its own";
  EXPECT_EQ(failures.ends().at(control::FailureKind::kTimeout), 100'001U);
}

TEST(RecentFailures, LongNamesAndTextsTakeABoundedNumberOfBytes) {
  RecentFailures failures("one");
  action::TaskFailed one = failed(1);
  auto spec = std::make_shared<control::Spec>();
  spec->name = std::string(100'000, 'n');
  one.spec = spec;
  for (std::uint64_t i = 0; i < RecentFailures::kMostKept; ++i) failures.add(1, one);
  std::size_t bytes = 0;
  for (const wire::FutureInfo& info : failures.recent(2)) bytes += info.ByteSizeLong();
  EXPECT_LE(bytes, RecentFailures::kMostBytes);
  EXPECT_GE(failures.recent(2).size(), 1'000U);
}

TEST(RecentFailures, HaveANameForEachKind) {
  for (auto kind = 1U; kind <= static_cast<unsigned>(control::kLastFailureKind); ++kind)
    EXPECT_STRNE(name_of(static_cast<control::FailureKind>(kind)), "other") << kind;
}

}  // namespace
}  // namespace morrow::worker
