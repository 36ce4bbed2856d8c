// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/cli/worker_process.h"
#include "wire/paths.h"

namespace morrow::test {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : worker_({"worker", "s", "--name", "w"}) {
    EXPECT_TRUE(worker_.says("is ready")) << worker_.error_text();
    path_ = wire::worker_socket("s", "w");
  }

  static wire::Submit submit(std::uint64_t number, std::uint64_t session) {
    wire::Submit submit;
    submit.set_number(number);
    submit.mutable_id()->set_scope(session);
    submit.mutable_id()->set_sequence(number);
    submit.mutable_requirements()->set_cpu_micro(1'000'000);
    submit.set_name("waits");
    return submit;
  }

  std::string status() {
    Command status({"status", "s", "--json"});
    EXPECT_EQ(status.wait(), 0) << status.error_text();
    return status.output();
  }

  template <class Holds>
  void eventually(const Holds& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "hangs: " << status();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  Home home_;
  Command worker_;
  std::string path_;
};

TEST_F(SessionTest, ChangesAreAcknowledgedWhenTheyAreCommitted) {
  Peer driver(path_);
  driver.hello("s", 41);
  wire::Welcome welcome;
  ASSERT_TRUE(driver.receive(wire::WELCOME, welcome));
  ASSERT_EQ(welcome.error(), "");
  // Larger than the worker: it stands in the store and waits.
  wire::Submit large = submit(1, 41);
  large.mutable_requirements()->set_cpu_micro(1'000'000'000'000);
  driver.send(wire::SUBMIT, large);
  wire::Flush flush;
  flush.set_number(1);
  driver.send(wire::FLUSH, flush);
  wire::Ack ack;
  ASSERT_TRUE(driver.receive(wire::ACK, ack));
  EXPECT_EQ(ack.number(), 1U);
  const std::string shown = status();
  EXPECT_NE(shown.find("\"ready\": 1"), std::string::npos) << shown;
  EXPECT_NE(shown.find("no worker has that much"), std::string::npos) << shown;
}

TEST_F(SessionTest, ADriverThatComesBackIsToldWhatIsCommitted) {
  wire::Welcome welcome;
  {
    Peer driver(path_);
    driver.hello("s", 42);
    ASSERT_TRUE(driver.receive(wire::WELCOME, welcome));
    wire::Submit large = submit(1, 42);
    large.mutable_requirements()->set_cpu_micro(1'000'000'000'000);
    driver.send(wire::SUBMIT, large);
    driver.send(wire::FLUSH, wire::Flush());
    wire::Ack ack;
    ASSERT_TRUE(driver.receive(wire::ACK, ack));
  }
  Peer again(path_);
  again.hello("s", 42, 10'000, true);
  wire::Welcome second;
  ASSERT_TRUE(again.receive(wire::WELCOME, second));
  EXPECT_EQ(second.error(), "");
  EXPECT_EQ(second.applied(), 1U);
  EXPECT_NE(second.attachment(), welcome.attachment());
}

TEST_F(SessionTest, TheEndOfASessionTellsOfFailuresAndLeavesNothing) {
  Peer driver(path_);
  driver.hello("s", 43);
  wire::Welcome welcome;
  ASSERT_TRUE(driver.receive(wire::WELCOME, welcome));
  // Its program is not known to the store: the task can't run.
  driver.send(wire::SUBMIT, submit(1, 43));
  wire::Await await;
  await.set_token(9);
  await.set_values(true);
  await.add_ids(submit(1, 43).id().scope());
  await.add_ids(submit(1, 43).id().sequence());
  driver.send(wire::AWAIT, await);
  wire::Ready ready;
  ASSERT_TRUE(driver.receive(wire::READY, ready));
  EXPECT_EQ(ready.token(), 9U);
  EXPECT_NE(ready.failure(), 0U);
  wire::Failure failure;
  ASSERT_TRUE(failure.ParseFromString(ready.bytes()));
  EXPECT_FALSE(failure.message().empty());
  wire::EndSession end;
  end.set_number(2);
  driver.send(wire::END_SESSION, end);
  wire::SessionEnded ended;
  ASSERT_TRUE(driver.receive(wire::SESSION_ENDED, ended));
  EXPECT_EQ(ended.failed(), 1U);
  ASSERT_TRUE(failure.ParseFromString(ended.first()));
  EXPECT_FALSE(failure.message().empty());
  eventually([&] {
    return status().find("\"futures\": {}") != std::string::npos &&
           status().find("\"sessions\": 0") != std::string::npos;
  });
}

TEST_F(SessionTest, ADriverThatVanishesIsCleanedUpAfterItsGrace) {
  {
    Peer driver(path_);
    driver.hello("s", 44, 100);
    wire::Welcome welcome;
    ASSERT_TRUE(driver.receive(wire::WELCOME, welcome));
    wire::Submit large = submit(1, 44);
    large.mutable_requirements()->set_cpu_micro(1'000'000'000'000);
    driver.send(wire::SUBMIT, large);
    driver.send(wire::FLUSH, wire::Flush());
    wire::Ack ack;
    ASSERT_TRUE(driver.receive(wire::ACK, ack));
  }
  eventually([&] {
    return status().find("\"futures\": {}") != std::string::npos &&
           status().find("\"sessions\": 0") != std::string::npos;
  });
}

TEST_F(SessionTest, ADriverThatVanishesBeforeItsWelcomeIsCleanedUpToo) {
  for (std::uint64_t session = 100; session < 120; ++session) {
    Peer driver(path_);
    driver.hello("s", session, 50);
  }
  eventually([&] { return status().find("\"sessions\": 0") != std::string::npos; });
  worker_.signal(SIGTERM);
  EXPECT_EQ(worker_.wait(), 0);
}

}  // namespace
}  // namespace morrow::test
