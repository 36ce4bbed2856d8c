// SPDX-License-Identifier: Apache-2.0
#include "wire/held_results.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

#include "wire/socket.h"

namespace morrow::wire {
namespace {

class HeldResultsTest : public testing::Test {
 protected:
  Fd file_ = Fd(ClaimWords::create_file());
  ClaimWords executors_words_{file_.get()};
  ClaimWords workers_words_{file_.get()};
  HeldResults executor_{executors_words_};
  HeldResults worker_{workers_words_};
};

TEST_F(HeldResultsTest, TheWorkerSeesWhatTheExecutorHolds) {
  EXPECT_TRUE(executor_.empty());
  EXPECT_FALSE(worker_.read());
  ASSERT_TRUE(executor_.hold("one "));
  ASSERT_TRUE(executor_.hold("two"));
  EXPECT_EQ(executor_.frames(), "one two");
  const auto copy = worker_.read();
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->frames, "one two");
  EXPECT_TRUE(worker_.holds(*copy));
}

TEST_F(HeldResultsTest, ACopyThatWasSentMeanwhileIsKnownAsSuch) {
  ASSERT_TRUE(executor_.hold("one"));
  const auto copy = worker_.read();
  ASSERT_TRUE(copy);
  executor_.clear();
  EXPECT_FALSE(worker_.holds(*copy));
  ASSERT_TRUE(executor_.hold("two"));
  EXPECT_FALSE(worker_.holds(*copy));
  EXPECT_EQ(worker_.read()->frames, "two");
}

TEST_F(HeldResultsTest, WhatDoesNotFitIsRefusedAndTheRestStays) {
  const std::string large(20'000, 'x');
  ASSERT_TRUE(executor_.hold(large));
  ASSERT_TRUE(executor_.hold(large));
  EXPECT_FALSE(executor_.hold(large));
  EXPECT_EQ(executor_.frames().size(), 2 * large.size());
  executor_.clear();
  EXPECT_TRUE(executor_.hold(large));
}

TEST_F(HeldResultsTest, ALengthBeyondTheEndIsCut) {
  // User code can write anything here.
  auto& state = *reinterpret_cast<std::atomic<std::uint64_t>*>(executors_words_.memory() + ClaimWords::kResultsOffset);
  state.store(0xffffffffU);
  EXPECT_LE(worker_.read()->frames.size(), ClaimWords::kFileBytes);
  EXPECT_FALSE(executor_.hold("more"));
}

TEST_F(HeldResultsTest, ACopyThatStillHoldsIsWhole) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "a copy may be overtaken by design; it is known by its generation, which ThreadSanitizer cannot see";
#endif
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (char text = 'a'; !stop; text = text == 'z' ? 'a' : static_cast<char>(text + 1)) {
      for (int i = 0; i < 5; ++i) executor_.hold(std::string(100, text));
      executor_.clear();
    }
  });
  int whole = 0;
  for (int i = 0; i < 20'000 || whole == 0; ++i) {
    const auto copy = worker_.read();
    if (!copy || !worker_.holds(*copy)) continue;
    ++whole;
    ASSERT_EQ(copy->frames, std::string(copy->frames.size(), copy->frames.front()));
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace morrow::wire
