// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/morrow.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <future>
#include <stdexcept>

#include "tests/runtime/client/fake_worker.h"

namespace morrow::test {
namespace {

constexpr std::uint64_t kShortLeaseMs = 900;

template <class F>
auto session_in_thread(F function) {
  return std::async(std::launch::async, std::move(function));
}

TEST(Reconnect, WhatIsNotCommittedIsSentAgainToAnotherWorkerAndAskedAgain) {
  const FakeCluster cluster;
  FakeWorker first("one");
  auto driver = session_in_thread([] {
    const Session session(kCluster);
    auto a = submit([](int n) { return n; }, 1);
    submit([](int n) { return n; }, 2);
    submit([](int n) { return n; }, 3).release();
    return a.get();
  });
  first.accept();
  first.welcome();
  for (int i = 0; i < 3; ++i) first.driver().read<wire::Submit>(wire::SUBMIT);
  first.driver().read<wire::Release>(wire::RELEASE);
  const auto asked = first.driver().read<wire::Await>(wire::AWAIT);
  first.ack(1);
  FakeWorker second("two");
  const auto session = first.hello().session();
  const auto first_opening = first.hello().opening();
  first.stop();

  second.accept();
  EXPECT_TRUE(second.hello().resume());
  EXPECT_GT(second.hello().opening(), first_opening);
  EXPECT_EQ(second.hello().session(), session);
  second.welcome(2);  // it committed one more than the driver had heard of
  const auto again = second.driver().read<wire::Submit>(wire::SUBMIT);
  EXPECT_EQ(again.number(), 3U);
  EXPECT_TRUE(again.resent());
  const auto release = second.driver().read<wire::Release>(wire::RELEASE);
  EXPECT_EQ(release.number(), 4U);
  EXPECT_TRUE(release.resent());
  const auto asked_again = second.driver().read<wire::Await>(wire::AWAIT);
  EXPECT_EQ(asked_again.ids(1), asked.ids(1));
  second.answer(asked_again, 0, encoded(1));
  second.end();
  EXPECT_EQ(driver.get(), 1);
}

TEST(Reconnect, TheSameWorkerStartedAgainIsFound) {
  const FakeCluster cluster;
  auto first = std::make_unique<FakeWorker>("one");
  auto driver = session_in_thread([] {
    const Session session(kCluster);
    return submit([](int n) { return n; }, 1).get();
  });
  first->accept();
  first->welcome();
  first->driver().read<wire::Submit>(wire::SUBMIT);
  first->driver().read<wire::Await>(wire::AWAIT);
  first.reset();
  FakeWorker again("one");
  again.accept();
  again.welcome(0);
  EXPECT_TRUE(again.driver().read<wire::Submit>(wire::SUBMIT).resent());
  again.answer(again.driver().read<wire::Await>(wire::AWAIT), 0, encoded(9));
  again.end();
  EXPECT_EQ(driver.get(), 9);
}

TEST(Reconnect, SubmitsGoOnWithoutAWorkerAndAreSentLater) {
  const FakeCluster cluster;
  auto first = std::make_unique<FakeWorker>("one");
  std::promise<void> gone;
  std::promise<void> submitted;
  auto driver = session_in_thread([&] {
    const Session session(kCluster);
    gone.get_future().wait();
    for (int i = 0; i < 100; ++i) submit([](int n) { return n; }, i);
    submitted.set_value();
    flush();
  });
  first->accept();
  first->welcome();
  first.reset();
  gone.set_value();
  submitted.get_future().wait();
  FakeWorker second("two");
  second.accept();
  second.welcome(0);
  for (std::uint64_t number = 1; number <= 100; ++number) {
    ASSERT_EQ(second.driver().read<wire::Submit>(wire::SUBMIT).number(), number);
  }
  second.driver().read<wire::Flush>(wire::FLUSH);
  second.ack(100);
  second.end();
  driver.get();
}

TEST(Reconnect, AWorkerThatSpeaksNonsenseIsLeft) {
  const FakeCluster cluster;
  FakeWorker first("one");
  testing::internal::CaptureStderr();
  auto driver = session_in_thread([] {
    const Session session(kCluster);
    return submit([](int n) { return n; }, 1).get();
  });
  first.accept();
  first.welcome();
  first.driver().read<wire::Submit>(wire::SUBMIT);
  FakeWorker second("two");
  wire::Ack nonsense;
  std::string bytes("\xff\xff\xff\xff", 4);
  ASSERT_EQ(write(first.driver().fd(), bytes.data(), bytes.size()), 4);
  while (first.driver().next()) {
  }
  first.stop();
  second.accept();
  second.welcome(0);
  second.driver().read<wire::Submit>(wire::SUBMIT);
  second.answer(second.driver().read<wire::Await>(wire::AWAIT), 0, encoded(4));
  second.end();
  EXPECT_EQ(driver.get(), 4);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("the connection to worker one of cluster fake broke"),
            std::string::npos);
}

TEST(Reconnect, AStoreThatLostWhatItCommittedEndsTheSessionWithASentence) {
  const FakeCluster cluster;
  FakeWorker first("one");
  testing::internal::CaptureStderr();
  auto driver = session_in_thread([] {
    const Session session(kCluster);
    auto future = submit([](int n) { return n; }, 1);
    flush();
    return future.get();
  });
  first.accept();
  first.welcome();
  first.driver().read<wire::Submit>(wire::SUBMIT);
  first.driver().read<wire::Flush>(wire::FLUSH);
  first.ack(1);
  first.driver().read<wire::Await>(wire::AWAIT);
  FakeWorker second("two");
  first.stop();
  second.accept();
  second.welcome(0);
  EXPECT_THROW(driver.get(), SessionError);
  testing::internal::GetCapturedStderr();
}

TEST(Reconnect, AWorkerThatGivesNoSignOfLifeIsLeftForAnotherOne) {
  const FakeCluster cluster;
  FakeWorker first("one");
  testing::internal::CaptureStderr();
  auto driver = session_in_thread([] {
    const Session session(kCluster);
    return submit([](int n) { return n; }, 1).get();
  });
  first.accept();
  first.welcome(0, kShortLeaseMs);
  first.driver().read<wire::Submit>(wire::SUBMIT);
  first.driver().read<wire::Await>(wire::AWAIT);
  FakeWorker second("two");  // the first one takes connections still, and says nothing
  second.accept();
  second.welcome(0, kShortLeaseMs);
  EXPECT_TRUE(second.driver().read<wire::Submit>(wire::SUBMIT).resent());
  second.answer(second.driver().read<wire::Await>(wire::AWAIT), 0, encoded(4));
  second.end();
  EXPECT_EQ(driver.get(), 4);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("worker one of cluster fake gives no sign of life for "), std::string::npos) << said;
  EXPECT_NE(said.find("the session goes on with worker two"), std::string::npos) << said;
}

TEST(Reconnect, ADriverBeatsWhileItWaitsAndWhileItComputes) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  std::promise<void> computed;
  auto driver = session_in_thread([&] {
    const Session session(kCluster);
    computed.get_future().wait();  // asks for nothing
    return submit([](int n) { return n; }, 1).get();
  });
  worker.accept();
  worker.welcome(0, kShortLeaseMs);
  const auto beats = [&worker] {
    for (int i = 0; i < 20; ++i) {
      worker.driver().read<wire::Beat>(wire::BEAT);
      worker.driver().write(wire::BEAT, wire::Beat());
    }
  };
  beats();
  computed.set_value();
  const auto next = [&worker] {  // that is no beat
    for (;;) {
      auto frame = worker.driver().next();
      if (!frame || frame->type != wire::BEAT) return frame.value();
    }
  };
  EXPECT_EQ(next().type, wire::SUBMIT);
  const auto asked = next();
  ASSERT_EQ(asked.type, wire::AWAIT);
  wire::Await await;
  wire::parse(await, asked.payload);
  beats();
  worker.answer(await, 0, encoded(3));
  worker.end();
  EXPECT_EQ(driver.get(), 3);
}

/// Standard output as a pipe that takes nothing more.
class FullOutput {
 public:
  FullOutput() : before_(dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    if (pipe(pipe_.data()) != 0) throw std::runtime_error("no pipe");
    fcntl(pipe_[1], F_SETFL, O_NONBLOCK);
    const std::string line(1'000, '-');
    while (write(pipe_[1], line.data(), line.size()) > 0) {
    }
    fcntl(pipe_[1], F_SETFL, 0);
    dup2(pipe_[1], STDOUT_FILENO);
  }
  ~FullOutput() {
    dup2(before_, STDOUT_FILENO);
    for (const int end : {before_, pipe_[0], pipe_[1]}) close(end);
  }
  FullOutput(const FullOutput&) = delete;
  FullOutput& operator=(const FullOutput&) = delete;
  /// It takes more again.
  void drain() const {
    std::array<char, 1 << 16> room{};
    fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    while (read(pipe_[0], room.data(), room.size()) > 0) {
    }
  }

 private:
  int before_;
  std::array<int, 2> pipe_{};
};

TEST(Reconnect, ADriverWhoseOutputIsHeldUpBeatsOnAndKeepsItsWorker) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = session_in_thread([&] {
    const Session session(kCluster);
    return submit([](int n) { return n; }, 1).get();
  });
  worker.accept();
  worker.welcome(0, kShortLeaseMs);
  worker.driver().read<wire::Submit>(wire::SUBMIT);
  const auto asked = worker.driver().read<wire::Await>(wire::AWAIT);
  {
    const FullOutput output;
    wire::Log log;
    log.add_lines(std::string(100'000, 'x'));
    worker.driver().write(wire::LOG, log);
    for (int i = 0; i < 20; ++i) worker.driver().read<wire::Beat>(wire::BEAT);
    worker.answer(asked, 0, encoded(8));
    auto ends = in_thread([&worker] { worker.end(); });
    while (ends.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) output.drain();
  }
  EXPECT_EQ(driver.get(), 8);
}

TEST(Reconnect, ReadyIsAnsweredWithoutAWorkerToo) {
  const FakeCluster cluster;
  auto worker = std::make_unique<FakeWorker>("one");
  std::promise<void> gone;
  std::promise<void> asked;
  auto driver = session_in_thread([&] {
    const Session session(kCluster);
    auto future = submit([](int n) { return n; }, 1);
    flush();
    gone.get_future().wait();
    EXPECT_FALSE(future.ready());
    EXPECT_FALSE(future.get_for(std::chrono::seconds(0)));
    const auto finished = wait(std::vector<Future<int>>{future}, 1, std::chrono::seconds(0));
    EXPECT_TRUE(finished.ready.empty());
    asked.set_value();
  });
  worker->accept();
  worker->welcome();
  worker->driver().read<wire::Submit>(wire::SUBMIT);
  worker->driver().read<wire::Flush>(wire::FLUSH);
  worker->ack(1);
  worker.reset();
  gone.set_value();
  asked.get_future().wait();  // nobody takes the session meanwhile
  FakeWorker again("one");
  again.accept();
  again.welcome(1);
  again.end();
  driver.get();
}

}  // namespace
}  // namespace morrow::test
