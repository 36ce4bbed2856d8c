// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/store_thread.h"
#include "store/open/open_store.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>

namespace morrow::worker {
namespace {

using Lane = StoreThread::Lane;

constexpr std::chrono::seconds kHang{60};

class StoreThreadTest : public ::testing::Test {
 protected:
  StoreThread make(StoreThread::Options options = {}) {
    options.log = [this](const std::string& sentence) {
      const std::lock_guard lock(mutex_);
      said_.push_back(sentence);
    };
    return StoreThread(
        io_, [] { return store::open_store("sim:"); }, std::move(options));
  }

  /// Turns the loop until `done`.
  template <class Done>
  void run_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + kHang;
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "hangs";
      io_.restart();
      io_.run_one_for(std::chrono::milliseconds(100));
    }
  }

  boost::asio::io_context io_;
  std::mutex mutex_;
  std::vector<std::string> said_;
};

TEST_F(StoreThreadTest, RoundsGoBeforeClaimsAndClaimsBeforeUpkeep) {
  StoreThread thread = make();
  std::promise<void> go;
  std::vector<int> order;
  int told = 0;
  thread.post(
      Lane::kUpkeep, [&](store::Store&) { go.get_future().wait(); }, nullptr);
  for (int i = 0; i < 3; ++i) {
    thread.post(
        Lane::kUpkeep, [&order, i](store::Store&) { order.push_back(20 + i); }, [&] { ++told; });
    thread.post(
        Lane::kClaim, [&order, i](store::Store&) { order.push_back(10 + i); }, [&] { ++told; });
    thread.post(
        Lane::kRound, [&order, i](store::Store&) { order.push_back(i); }, [&] { ++told; });
  }
  go.set_value();
  run_until([&] { return told == 9; });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 10, 11, 12, 20, 21, 22}));
}

TEST_F(StoreThreadTest, WhatMayWaitRunsThoughWhatIsUrgentHasNoEnd) {
  StoreThread thread = make();
  bool upkeep = false;
  bool upload = false;
  const std::array<Lane, 2> urgent{Lane::kRound, Lane::kClaim};
  // Each asks for the next one, so both lanes always hold one while another runs.
  std::function<void(Lane)> again = [&](Lane lane) {
    if (upkeep && upload) return;
    thread.post(
        lane, [](store::Store&) {}, [&again, lane] { again(lane); });
  };
  for (int i = 0; i < 50; ++i) {
    for (const Lane lane : urgent) again(lane);
  }
  thread.post(
      Lane::kUpkeep, [](store::Store&) {}, [&] { upkeep = true; });
  thread.post(
      Lane::kUpload, [](store::Store&) {}, [&] { upload = true; });
  run_until([&] { return upkeep && upload; });
}

TEST(LaneTurns, ALaneIsPassedOverSoManyTimesAndThenGoesFirstOnce) {
  LaneTurns turns;
  EXPECT_EQ(turns.next({}), std::nullopt);
  std::array<int, kStoreLanes> taken{};
  for (int i = 0; i < 1'000; ++i) ++taken.at(turns.next({true, true, true, false}).value());
  EXPECT_GT(taken[0], 800);
  EXPECT_GT(taken[1], 50);
  EXPECT_GT(taken[2], 50);
  EXPECT_EQ(taken[3], 0) << "it holds nothing";
  turns = {};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(turns.next({true, false, true, true}), std::size_t{0});
  EXPECT_EQ(turns.next({false, false, true, true}), std::size_t{2}) << "the first one as a rule";
}

TEST_F(StoreThreadTest, JobsRunOnTheStoresThreadAndAnswersOnTheMainOne) {
  StoreThread thread = make();
  std::thread::id ran;
  std::thread::id told;
  thread.post(
      Lane::kRound, [&](store::Store&) { ran = std::this_thread::get_id(); },
      [&] { told = std::this_thread::get_id(); });
  EXPECT_EQ(told, std::thread::id());  // never from inside the call
  run_until([&] { return told != std::thread::id(); });
  EXPECT_EQ(told, std::this_thread::get_id());
  EXPECT_NE(ran, told);
}

TEST_F(StoreThreadTest, AFullStoreDelaysButDropsNothingAndKeepsTheOrder) {
  StoreThread::Options options;
  options.first_pause_ms = 1;
  options.longest_pause_ms = 2;
  StoreThread thread = make(options);
  std::vector<int> order;
  int tries = 0;
  bool done = false;
  thread.post(
      Lane::kRound,
      [&](store::Store& store) {
        if (++tries < 4) throw store::StoreFull("the store is full");
        store.transact([](store::Transaction& transaction) { transaction.set("key", "value"); });
        order.push_back(1);
      },
      nullptr);
  thread.post(
      Lane::kRound, [&](store::Store&) { order.push_back(2); }, [&] { done = true; });
  run_until([&] { return done; });
  EXPECT_EQ(tries, 4);
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(said_.size(), 2U);  // that it began and that it is over, not each try
  EXPECT_NE(said_.front().find("the store is full"), std::string::npos);
}

TEST_F(StoreThreadTest, WhatRetriesCantCureIsToldOnce) {
  StoreThread thread = make();
  std::string broken;
  bool told = false;
  thread.on_broken([&](const std::string& sentence) { broken = sentence; });
  thread.post(
      Lane::kRound, [](store::Store&) { throw std::runtime_error("a record of the future"); }, [&] { told = true; });
  run_until([&] { return !broken.empty(); });
  EXPECT_NE(broken.find("a record of the future"), std::string::npos);
  EXPECT_FALSE(told);
}

TEST_F(StoreThreadTest, UploadsThatFindNoRoomAreToldAndHoldUpNothing) {
  StoreThread::Options options;
  options.longest_pause_ms = 1;
  StoreThread thread = make(options);
  std::string waits;
  bool uploaded = false;
  bool other = false;
  std::atomic<bool> room{false};
  thread.on_uploads_wait([&](const std::string& sentence) { waits = sentence; });
  thread.post(
      Lane::kUpload,
      [&](store::Store&) {
        if (!room) throw store::StoreFull("the store is full");
      },
      [&] { uploaded = true; });
  run_until([&] { return !waits.empty(); });
  EXPECT_NE(waits.find("the store is full"), std::string::npos);
  thread.post(
      Lane::kRound, [](store::Store&) {}, [&] { other = true; });
  run_until([&] { return other; });
  EXPECT_FALSE(uploaded);
  room = true;
  run_until([&] { return uploaded; });
}

TEST_F(StoreThreadTest, StoppingDoesNotWaitForAStoreThatIsAway) {
  StoreThread::Options options;
  options.first_pause_ms = 3'600'000;
  options.longest_pause_ms = 3'600'000;
  StoreThread thread = make(options);
  std::promise<void> tried;
  bool first = true;
  thread.post(
      Lane::kRound,
      [&](store::Store&) {
        if (std::exchange(first, false)) tried.set_value();
        throw store::StoreError("the store is away");
      },
      nullptr);
  tried.get_future().wait();
  thread.stop();
}

TEST_F(StoreThreadTest, AStoreThatCantBeOpenedSaysSoToTheCaller) {
  EXPECT_THROW(StoreThread(io_, []() -> std::unique_ptr<store::Store> { throw store::StoreError("no"); }, {}),
               store::StoreError);
}

TEST_F(StoreThreadTest, AWatchFiresOnceAfterAChangeAndStandsBeforeLaterRounds) {
  StoreThread thread = make();
  int fired = 0;
  bool read = false;
  thread.watch("signal", [&] { ++fired; });
  thread.post(
      Lane::kRound,
      [](store::Store& store) {
        store.transact([](store::Transaction& transaction) { transaction.set("signal", "1"); });
      },
      [&] { read = true; });
  run_until([&] { return fired == 1 && read; });
  thread.watch("signal", [&] { ++fired; });
  thread.post(
      Lane::kRound,
      [](store::Store& store) {
        store.transact([](store::Transaction& transaction) { transaction.set("signal", "2"); });
      },
      nullptr);
  run_until([&] { return fired == 2; });
}

TEST_F(StoreThreadTest, InlineModeRunsAtOnceAndStillTellsLater) {
  StoreThread::Options options;
  options.inline_mode = true;
  StoreThread thread = make(options);
  bool ran = false;
  bool told = false;
  thread.post(
      Lane::kUpkeep, [&](store::Store&) { ran = true; }, [&] { told = true; });
  EXPECT_TRUE(ran);
  EXPECT_FALSE(told);
  EXPECT_TRUE(thread.tell_finished());
  EXPECT_TRUE(told);
  EXPECT_FALSE(thread.tell_finished());
}

}  // namespace
}  // namespace morrow::worker
