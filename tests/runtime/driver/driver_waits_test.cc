// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/detail/failure.h>
#include <morrow/morrow.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "tests/runtime/client/fake_worker.h"

namespace morrow::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A driver and its worker, with `count` futures submitted.
class Waits : public testing::Test {
 protected:
  template <class F>
  void start(int count, F body) {
    driver_ = std::async(std::launch::async, [count, body] {
      const Session session(kCluster);
      std::vector<Future<int>> futures;
      for (int i = 0; i < count; ++i) futures.push_back(submit([](int n) { return n; }, i));
      body(futures);
    });
    worker_.accept();
    worker_.welcome();
    for (int i = 0; i < count; ++i) worker_.driver().read<wire::Submit>(wire::SUBMIT);
  }
  wire::Await await() { return worker_.driver().read<wire::Await>(wire::AWAIT); }
  void fail(const wire::Await& await, std::uint32_t index, detail::FailureKind kind, const wire::Failure& failure) {
    wire::Ready message;
    message.set_token(await.token());
    message.set_index(index);
    message.set_failure(static_cast<std::uint32_t>(kind));
    message.set_bytes(failure.SerializeAsString());
    worker_.driver().write(wire::READY, message);
  }
  void finish() {
    worker_.end();
    driver_.get();
  }

  FakeCluster cluster_;
  FakeWorker worker_{"one"};
  std::future<void> driver_;
};

TEST_F(Waits, ThreadsThatWaitWhenTheSessionEndsGetAnErrorBeforeItIsGone) {
  constexpr int kThreads = 4;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  std::promise<void> all_ask;
  start(kThreads, [&](const std::vector<Future<int>>& futures) {
    for (const Future<int>& future : futures) {
      threads.emplace_back([&failed, future] {
        EXPECT_THROW(future.get(), SessionError);
        ++failed;
      });
    }
    all_ask.get_future().wait();
  });
  for (int i = 0; i < kThreads; ++i) await();
  all_ask.set_value();
  finish();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, kThreads);
}

TEST_F(Waits, AFailureIsThrownAsWhatItWasAndCountsAsSeen) {
  start(1, [](const auto& futures) {
    try {
      futures[0].get();
      FAIL() << "it has a value";
    } catch (const RemoteError& error) {
      EXPECT_EQ(error.type(), "std::out_of_range");
      EXPECT_EQ(error.message(), "row 7");
      EXPECT_EQ(error.worker(), "one");
      EXPECT_EQ(error.attempt(), 2U);
      EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
    }
  });
  wire::Failure failure;
  failure.set_kind(1);
  failure.set_type("std::out_of_range");
  failure.set_message("row 7");
  failure.set_worker("one");
  failure.set_attempt(2);
  const auto asked = await();
  fail(asked, 0, detail::FailureKind::kException, failure);
  const auto end = worker_.driver().read<wire::EndSession>(wire::END_SESSION);
  ASSERT_EQ(end.observed_size(), 1);
  EXPECT_EQ(end.observed(0).sequence(), asked.ids(1));
  worker_.ack(end.number());
  worker_.driver().write(wire::SESSION_ENDED, wire::SessionEnded());
  driver_.get();
}

TEST_F(Waits, GetAllIsOneQuestionAndKeepsTheOrder) {
  start(100, [](const auto& futures) {
    const std::vector<int> values = get_all(futures);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  });
  const auto asked = await();
  ASSERT_EQ(asked.ids_size(), 200);
  for (int i = 99; i >= 0; --i) worker_.answer(asked, static_cast<std::uint32_t>(i), encoded(i));
  finish();
}

TEST_F(Waits, GetAllThrowsTheFirstFailureInTheirOrderAsSoonAsItIsKnown) {
  start(3, [](const auto& futures) { EXPECT_THROW(get_all(futures), CancelledError); });
  const auto asked = await();
  wire::Failure late;
  late.set_kind(1);
  late.set_type("std::runtime_error");
  fail(asked, 1, detail::FailureKind::kException, late);
  EXPECT_TRUE(worker_.driver().is_quiet());  // the first may still have a value
  fail(asked, 0, detail::FailureKind::kCancelled, {});
  EXPECT_EQ(worker_.driver().read<wire::Unawait>(wire::UNAWAIT).token(), asked.token());
  finish();
}

TEST_F(Waits, GetForGivesNothingWhenTheTimeIsOverAndTakesTheQuestionBack) {
  start(1, [](const auto& futures) {
    EXPECT_EQ(futures[0].get_for(milliseconds(5)), std::nullopt);
    EXPECT_EQ(futures[0].get_for(hours(1)), 6);
  });
  const auto asked = await();
  EXPECT_FALSE(asked.blocks());
  EXPECT_TRUE(asked.values());
  EXPECT_EQ(worker_.driver().read<wire::Unawait>(wire::UNAWAIT).token(), asked.token());
  worker_.answer(await(), 0, encoded(6));
  finish();
}

TEST_F(Waits, ReadyAndGetForNoTimeAskOnceAndDoNotWait) {
  start(1, [](const auto& futures) {
    EXPECT_FALSE(futures[0].ready());
    EXPECT_TRUE(futures[0].ready());
    EXPECT_EQ(futures[0].get_for(milliseconds(0)), std::nullopt);
  });
  for (const bool pending : {true, false, true}) {
    const auto asked = await();
    EXPECT_TRUE(asked.poll());
    wire::Ready message;
    message.set_token(asked.token());
    message.set_pending(pending);
    worker_.driver().write(wire::READY, message);
  }
  finish();
}

TEST_F(Waits, WaitReturnsWhenSoManyAreThereAndTellsWhich) {
  start(3, [](const auto& futures) {
    const auto waited = wait(futures, 2);
    ASSERT_EQ(waited.ready.size(), 2U);
    EXPECT_EQ(waited.ready[0], futures[0]);
    EXPECT_EQ(waited.ready[1], futures[2]);
    ASSERT_EQ(waited.rest.size(), 1U);
    EXPECT_EQ(waited.rest[0], futures[1]);
  });
  const auto asked = await();
  EXPECT_EQ(asked.need(), 2U);
  EXPECT_FALSE(asked.blocks());
  EXPECT_FALSE(asked.values());
  worker_.answer(asked, 2, "");
  fail(asked, 0, detail::FailureKind::kException, {});  // a failure is finished too
  EXPECT_EQ(worker_.driver().read<wire::Unawait>(wire::UNAWAIT).token(), asked.token());
  finish();
}

TEST_F(Waits, WaitWithATimeoutReturnsWithWhatThereIs) {
  start(2, [](const auto& futures) {
    const auto waited = wait(futures, 2, milliseconds(5));
    EXPECT_EQ(waited.rest.size(), 2U);
  });
  const auto asked = await();
  EXPECT_EQ(worker_.driver().read<wire::Unawait>(wire::UNAWAIT).token(), asked.token());
  finish();
}

TEST_F(Waits, ManyThreadsWaitAtOnceAndEachGetsItsOwn) {
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  start(kThreads * kEach, [](const auto& futures) {
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const int index = t * kEach + i;
          right += futures[static_cast<std::size_t>(index)].get() == index;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(right, kThreads * kEach);
  });
  for (int answered = 0; answered < kThreads * kEach;) {
    std::vector<wire::Await> held{await()};
    while (!worker_.driver().is_quiet()) held.push_back(await());
    answered += static_cast<int>(held.size());
    for (; !held.empty(); held.pop_back()) {  // the other way round than they came
      worker_.answer(held.back(), 0, encoded(static_cast<int>(held.back().ids(1)) - 1));
    }
  }
  finish();
}

}  // namespace
}  // namespace morrow::test
