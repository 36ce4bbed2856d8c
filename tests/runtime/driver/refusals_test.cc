// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/morrow.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "runtime/image/program.h"
#include "tests/runtime/client/fake_worker.h"
#include "wire/net_stream.h"
#include "wire/tls.h"

namespace morrow::test {
namespace {

TEST(Driver, WithoutASessionEverythingSaysSo) {
  EXPECT_THROW(submit([] { return 1; }), SessionError);
  EXPECT_THROW(flush(), SessionError);
}

TEST(Driver, NoWorkerInTimeIsASentenceThatSaysWhatToDo) {
  const FakeCluster cluster;
  try {
    const Session session(kCluster, {.connect_timeout = std::chrono::milliseconds(20)});
    FAIL() << "it was opened";
  } catch (const SessionError& error) {
    EXPECT_STREQ(error.what(), "no worker of cluster fake runs on this machine; start one with: morrow worker fake");
  }
}

TEST(Driver, ARefusalIsThrown) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] { const Session session(kCluster); });
  worker.accept();
  worker.refuse("another version");
  try {
    driver.get();
    FAIL() << "it was opened";
  } catch (const SessionError& error) {
    EXPECT_STREQ(error.what(), "another version");
  }
}

TEST(Driver, ASecondSessionIsRefused) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    EXPECT_THROW(Session second(kCluster), SessionError);
  });
  worker.accept();
  worker.welcome();
  worker.end();
  driver.get();
}

TEST(Driver, ValuesThatAreTooLargeAndOptionsWithoutSenseAreRefused) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    EXPECT_THROW(submit([](const std::string& text) { return text.size(); }, std::string(257 << 10, 'x')),
                 TooLargeError);
    EXPECT_THROW(submit({.cpus = -1}, [] { return 1; }), std::invalid_argument);
    EXPECT_THROW(submit({.memory = -1}, [] { return 1; }), std::invalid_argument);
    EXPECT_THROW(submit({.max_retries = -1}, [] { return 1; }), std::invalid_argument);
    EXPECT_THROW(submit({.timeout = std::chrono::seconds(0)}, [] { return 1; }), std::invalid_argument);
  });
  worker.accept();
  worker.welcome();
  worker.end();
  driver.get();
}

TEST(Driver, AForkedChildMayNotUseTheSession) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  const pid_t child = fork();  // all of it in a process of its own: it is spoilt for later tests
  if (child == 0) {
    int status = 1;
    try {
      const Session session(kCluster);
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        try {
          flush();
        } catch (const SessionError&) {
          _exit(0);
        }
        _exit(2);
      }
      waitpid(grandchild, &status, 0);
    } catch (...) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
  }
  worker.accept();
  worker.welcome();
  worker.end();
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Driver, AStandingWorkerIsNamedInsteadOfCalledMissing) {
  const FakeCluster cluster;
  const FakeWorker worker("one");  // takes connections, and says nothing
  try {
    const Session session(kCluster, {.connect_timeout = std::chrono::milliseconds(200)});
    FAIL() << "it was welcome";
  } catch (const SessionError& error) {
    EXPECT_EQ(std::string(error.what()), "no worker of cluster fake answers: worker one does not answer (process " +
                                             std::to_string(getpid()) + " stands still?)");
  }
}

TEST(Driver, AWorkerThatIsNotTrustedEndsTheFirstContactAtOnce) {
  const wire::Certificate authority = wire::make_authority("fake");
  const wire::TlsServer tls(wire::make_certificate(authority, "one"), authority.certificate);
  const wire::Fd listening = wire::listen_tcp("127.0.0.1", 0);
  std::thread server([&] {
    for (;;) {
      wire::Fd socket(accept(listening.get(), nullptr, nullptr));
      if (!socket) return;
      try {
        wire::NetStream stream(std::move(socket));
        stream.accept(tls);
      } catch (const wire::NetworkError&) {
      }
    }
  });
  const auto start = std::chrono::steady_clock::now();
  try {
    const Session session("morrow://token@" + wire::local_address(listening.get()) +
                          "/fake?ca=" + std::string(64, 'a'));
    ADD_FAILURE() << "it was trusted";
  } catch (const SessionError& error) {
    EXPECT_NE(std::string(error.what()).find("another authority"), std::string::npos) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  shutdown(listening.get(), SHUT_RDWR);
  server.join();
}

TEST(Driver, WhatIsLearnedOfAFunctionIsOfUseToTheNextSessionAndItsProcessesAreNot) {
  const wire::Program one = runtime::make_program(1, true);
  setenv("MORROW_TEST_OTHER", "input", 1);
  const wire::Program other = runtime::make_program(2, true);
  unsetenv("MORROW_TEST_OTHER");
  EXPECT_NE(one.key(), other.key());
  EXPECT_EQ(runtime::image_key(one), runtime::image_key(other));
  wire::Program rebuilt = one;
  rebuilt.mutable_modules(0)->set_build_id("another");
  EXPECT_NE(runtime::image_key(one), runtime::image_key(rebuilt));
}

TEST(Driver, ItsTokenStandsNowhereInWhatExecutorsAreStartedWith) {
  const std::string token(43, 'q');
  setenv("MORROW_TEST_BARE", token.c_str(), 1);
  setenv("MORROW_TEST_LINE", ("x morrow://" + token + "@h:1/c").c_str(), 1);
  const std::string program = runtime::make_program(1, true, token).SerializeAsString();
  unsetenv("MORROW_TEST_BARE");
  unsetenv("MORROW_TEST_LINE");
  EXPECT_EQ(program.find(token), std::string::npos);
  EXPECT_NE(program.find("MORROW_TEST_BARE=***"), std::string::npos);
}

}  // namespace
}  // namespace morrow::test
