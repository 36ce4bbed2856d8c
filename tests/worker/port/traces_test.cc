// SPDX-License-Identifier: Apache-2.0
#include "worker/port/traces.h"

#include <gtest/gtest.h>

namespace morrow::worker {
namespace {

using Reason = Traces::Reason;

Traces::Time after(int seconds) { return Traces::Time() + std::chrono::seconds(seconds); }

TEST(Traces, TheFirstIsToldAtOnceAndTheOthersOnceAMinuteWithAddressAndCount) {
  Traces traces;
  EXPECT_TRUE(traces.take(after(0)).empty());
  traces.add(Reason::kToken, "10.0.0.1");
  auto told = traces.take(after(0));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("from 10.0.0.1 (once)"), std::string::npos) << told[0];
  for (int i = 0; i < 1000; ++i) traces.add(Reason::kToken, "10.0.0.1");
  traces.add(Reason::kToken, "10.0.0.2");
  EXPECT_TRUE(traces.take(after(59)).empty());
  told = traces.take(after(60));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_NE(told[0].find("from 10.0.0.1 (1000 times), 10.0.0.2 (once)"), std::string::npos) << told[0];
  EXPECT_TRUE(traces.take(after(1000)).empty()) << "nothing new";
  EXPECT_EQ(traces.count(Reason::kToken), 1002U);
  EXPECT_EQ(traces.count(Reason::kOdd), 0U);
}

TEST(Traces, EachReasonIsToldApart) {
  Traces traces;
  for (const Reason reason : {Reason::kToken, Reason::kLate, Reason::kRoom, Reason::kOdd, Reason::kFull})
    traces.add(reason, "10.0.0.1");
  EXPECT_EQ(traces.take(after(0)).size(), Traces::kReasons);
}

TEST(Traces, ManyAddressesMakeNoLongLineAndAllAreCounted) {
  Traces traces;
  for (int i = 0; i < 5000; ++i) traces.add(Reason::kRoom, "address-" + std::to_string(i));
  const auto told = traces.take(after(0));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_LT(told[0].size(), 400U);
  EXPECT_NE(told[0].find("others (4995 times)"), std::string::npos) << told[0];
  EXPECT_EQ(traces.count(Reason::kRoom), 5000U);
}

TEST(Traces, NoBytesOfAnAddressReachATerminalRaw) {
  Traces traces;
  traces.add(Reason::kOdd, "\033[2J");
  EXPECT_EQ(traces.take(after(0)).front().find('\033'), std::string::npos);
}

}  // namespace
}  // namespace morrow::worker
