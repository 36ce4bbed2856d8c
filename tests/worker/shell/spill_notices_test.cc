// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/spill_notices.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace morrow::worker {
namespace {

constexpr std::uint64_t kMega = 1'000'000;

class SpillNoticesTest : public testing::Test {
 protected:
  std::set<control::SessionId> drivers_{1, 2};
  std::vector<std::pair<control::SessionId, std::string>> told_;
  SpillNotices notices_{{.has_driver = [this](control::SessionId session) { return drivers_.contains(session); },
                         .tell = [this](control::SessionId session,
                                        const std::string& sentence) { told_.emplace_back(session, sentence); }},
                        130 * kMega};
};

TEST_F(SpillNoticesTest, ADriverIsToldOfItsFirstValueOnDiskAndAgainWhenItIsTenTimesAsMuch) {
  for (int i = 0; i < 99; ++i) notices_.spilled(1, 20 * kMega);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_NE(told_[0].second.find("the object memory (130 MB) is full: 20 MB so far"), std::string::npos)
      << told_[0].second;
  EXPECT_NE(told_[1].second.find(": 200 MB so far"), std::string::npos) << told_[1].second;
  notices_.spilled(1, 20 * kMega);
  EXPECT_EQ(told_.size(), 3U);
}

TEST_F(SpillNoticesTest, EachSessionHasItsOwnCount) {
  notices_.spilled(1, 50 * kMega);
  notices_.spilled(2, kMega);
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[1].first, 2U);
}

TEST_F(SpillNoticesTest, NobodyIsToldOfValuesOfNobodyHere) {
  notices_.spilled(0, kMega);
  notices_.spilled(3, kMega);
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace morrow::worker
