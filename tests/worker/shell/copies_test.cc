// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/copies.h"

#include <gtest/gtest.h>

#include "tests/worker/shell/others_fixture.h"

namespace morrow::worker {
namespace {

constexpr Waiter kPutter{3, 0};
constexpr Waiter kOther{4, 0};

class CopiesTest : public OthersTest {
 protected:
  CopiesTest()
      : copies_({.post = store_.post(),
                 .have_copied = have_copied(),
                 .endpoint_of = &endpoint_of,
                 .after = after(),
                 .clock_ms = [this] { return now_ms_; },
                 .acknowledge = [this](const Waiter& who, std::uint64_t number) { acked_[who] = number; },
                 .tell = [this](control::SessionId, const std::string& sentence) { told_.push_back(sentence); }}) {}

  control::HeldValue put(std::uint64_t number, std::uint32_t workers) {
    const control::HeldValue value = made(number);
    copies_.want({kPutter, number, kSession, value, workers});
    return value;
  }

  std::map<Waiter, std::uint64_t> acked_;
  std::vector<std::string> told_;
  Copies copies_;
};

TEST_F(CopiesTest, APutIsAcknowledgedWhenSoManyWorkersHoldItAndNothingBehindItBefore) {
  join(8);
  join(9);
  const auto value = put(3, 3);
  copies_.committed(kPutter, 5);
  EXPECT_EQ(acked_[kPutter], 2U);
  copies_.committed(kOther, 7);
  EXPECT_EQ(acked_[kOther], 7U) << "others wait for nothing";
  run();
  EXPECT_EQ(acked_[kPutter], 5U);
  EXPECT_EQ(control::object_holders(store_.store, value.future, value.number).size(), 3U);
  EXPECT_TRUE(told_.empty());
  copies_.committed(kPutter, 6);
  EXPECT_EQ(acked_[kPutter], 6U);
}

TEST_F(CopiesTest, NothingIsCopiedBeforeItIsCommitted) {
  join(8);
  put(3, 2);
  put(4, 2);
  copies_.committed(kPutter, 3);
  run();
  EXPECT_EQ(acked_[kPutter], 3U);
  EXPECT_EQ(asked_, std::vector<std::uint64_t>{3});
}

TEST_F(CopiesTest, FewerWorkersThanCopiesAreToldOnceAndHoldNothingUp) {
  for (std::uint64_t number = 1; number <= 5; ++number) put(number, 2);
  copies_.committed(kPutter, 5);
  run();
  EXPECT_EQ(acked_[kPutter], 5U);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("is held by 1: the cluster has no more workers"), std::string::npos) << told_[0];
}

TEST(CopyRequest, OneThatIsBusyIsAskedAgainAndHasRefusedNothing) {
  CopyRequest request;
  std::uint64_t now_ms = 1;
  for (int i = 0; i < 100; ++i, now_ms += 1'000) {
    ASSERT_TRUE(request.is_due(now_ms));
    request.ask();
    request.answered(now_ms, Fetcher::Copied::kBusy, "no room at the port");
    EXPECT_FALSE(request.is_taken());
    EXPECT_FALSE(request.is_due(now_ms)) << "not at once";
    EXPECT_FALSE(request.is_hopeless(1));
  }
}

TEST_F(CopiesTest, WorkersWithoutRoomAreToldAndHoldNothingUpForEver) {
  join(8);
  full_ = {8};
  put(1, 2);
  copies_.committed(kPutter, 1);
  run();
  EXPECT_EQ(acked_[kPutter], 1U);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("worker w8: no room"), std::string::npos) << told_[0];
}

TEST_F(CopiesTest, AValueThatDiedBeforeItsCopyWasMadeIsTold) {
  join(8);
  join(9);
  put(1, 2);
  control::leave(store_.store, 7);  // the driver has sent the put again, to this worker here
  copies_.committed(kPutter, 1);
  run();
  EXPECT_EQ(acked_[kPutter], 1U);
  ASSERT_EQ(told_.size(), 1U);
  EXPECT_NE(told_[0].find("lost with the worker that had it"), std::string::npos) << told_[0];
}

TEST_F(CopiesTest, TheCopiesAreMadeAlsoWhenTheClientHasGone) {
  join(8);
  const auto value = put(1, 2);
  copies_.committed(kPutter, 1);
  copies_.gone(kPutter);
  run();
  EXPECT_EQ(control::object_holders(store_.store, value.future, value.number).size(), 2U);
  EXPECT_EQ(acked_[kPutter], 0U);
}

}  // namespace
}  // namespace morrow::worker
