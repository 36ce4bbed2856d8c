// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/driver_signs.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/worker/shell/fake_store.h"

namespace morrow::worker {
namespace {

constexpr ClientId kNear = 1;
constexpr ClientId kFar = 2;
constexpr int kLong = 100;  // turns

class DriverSignsTest : public testing::Test {
 protected:
  DriverSignsTest() {
    signs_.start();
    signs_.welcome(kNear, true);
    signs_.welcome(kFar, false);
  }
  DriverSigns::Means means() {
    return {
        .after = [this](std::uint64_t, std::function<void()> then) { next_ = std::move(then); },
        .send =
            [this](ClientId client, wire::FrameType type, const google::protobuf::MessageLite& message) {
              sent_.push_back({client, type, message.SerializeAsString()});
              if (traffic_[client].unsent == 0) ++traffic_[client].taken;
            },
        .traffic = [this](ClientId client) { return traffic_[client]; },
        .is_open = [this](ClientId client) { return !ended_.contains(client); },
        .cut =
            [this](ClientId client) {
              cut_.insert(client);
              signs_.gone(client);
            },
        .warn = [this](const std::string& sentence) { warnings_.push_back(sentence); },
    };
  }
  void turns(int count) {
    for (int i = 0; i < count; ++i) std::exchange(next_, nullptr)();
  }
  std::size_t sent_to(ClientId client, wire::FrameType type) const {
    std::size_t count = 0;
    for (const SentFrame& frame : sent_) count += frame.client == client && frame.type == type ? 1 : 0;
    return count;
  }

  std::function<void()> next_;
  std::vector<SentFrame> sent_;
  std::map<ClientId, Clients::Traffic> traffic_;
  std::set<ClientId> ended_;
  std::set<ClientId> cut_;
  std::vector<std::string> warnings_;
  DriverSigns signs_{means(), 6'000};
};

TEST_F(DriverSignsTest, ADriverOnAnotherHostThatGivesNoSignIsCutOffWithASentence) {
  turns(kLong);
  EXPECT_EQ(cut_, std::set<ClientId>{kFar}) << "the kernel tells of the near one";
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("no sign of life"), std::string::npos);
}

TEST_F(DriverSignsTest, OneThatSaysAnythingStays) {
  for (int i = 0; i < kLong; ++i) {
    traffic_[kFar].came += 5;
    turns(1);
  }
  EXPECT_TRUE(cut_.empty());
}

TEST_F(DriverSignsTest, OneThatIsNotReadIsNotTakenForSilent) {
  traffic_[kFar].paused = true;
  turns(kLong);
  EXPECT_TRUE(cut_.empty());
}

TEST_F(DriverSignsTest, OneThatTakesNothingOfWhatItAskedForIsSilent) {
  traffic_[kFar] = {10, 10, 1 << 25, true, true};
  for (int i = 0; i < kLong; ++i) {
    traffic_[kFar].taken += 100;
    turns(1);
  }
  EXPECT_TRUE(cut_.empty());
  turns(kLong);
  EXPECT_TRUE(cut_.contains(kFar));
}

TEST_F(DriverSignsTest, OneWhoseSessionHasEndedMaySayNothing) {
  ended_.insert(kFar);
  turns(kLong);
  EXPECT_TRUE(cut_.empty());
}

TEST_F(DriverSignsTest, AllDriversGetBeatsWhenNothingElseIsSaid) {
  turns(1);
  const std::size_t before = sent_to(kNear, wire::BEAT);
  turns(3);
  EXPECT_EQ(sent_to(kNear, wire::BEAT), before + 3);
  traffic_[kNear].unsent = 4;  // what waits is a sign once it goes
  turns(1);
  EXPECT_EQ(sent_to(kNear, wire::BEAT), before + 3);
  traffic_[kNear].unsent = 0;
  traffic_[kNear].taken += 100;
  turns(1);
  EXPECT_EQ(sent_to(kNear, wire::BEAT), before + 3);
}

TEST_F(DriverSignsTest, NewAddressesAreToldToDriversOnOtherHosts) {
  signs_.addresses_changed({"10.0.0.1:7", "10.0.0.2:7"});
  EXPECT_EQ(sent_to(kNear, wire::ADDRESSES), 0U);
  ASSERT_EQ(sent_to(kFar, wire::ADDRESSES), 1U);
  EXPECT_EQ(sent_.back().as<wire::Addresses>().addresses(1), "10.0.0.2:7");
}

TEST_F(DriverSignsTest, NothingIsJudgedWhenTheWorkerLeaves) {
  signs_.stop();
  turns(1);
  EXPECT_FALSE(next_) << "no further turn";
  EXPECT_TRUE(cut_.empty());
}

}  // namespace
}  // namespace morrow::worker
