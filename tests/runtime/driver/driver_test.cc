// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/morrow.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <sstream>
#include <thread>

#include "tests/runtime/client/fake_worker.h"

namespace morrow::test {
namespace {

TEST(Driver, SubmitsAndAwaitsAndGetsTheValue) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    auto sum = submit(
        {.cpus = 0.5, .max_retries = 7, .name = "sum"}, [](int a, int b) { return a + b; }, 1, 2);
    const int value = sum.get();
    sum.release();
    return value;
  });
  worker.accept();
  EXPECT_EQ(worker.hello().kind(), wire::Hello::DRIVER);
  EXPECT_FALSE(worker.hello().resume());
  EXPECT_EQ(worker.hello().program(), worker.program().key());
  EXPECT_EQ(worker.program().key().size(), 16U);
  worker.welcome();
  const auto submitted = worker.driver().read<wire::Submit>(wire::SUBMIT);
  EXPECT_EQ(submitted.number(), 1U);
  EXPECT_EQ(submitted.id().scope(), worker.hello().session());
  EXPECT_EQ(submitted.requirements().cpu_micro(), 500'000U);
  EXPECT_EQ(submitted.max_retries(), 7U);
  EXPECT_EQ(submitted.name(), "sum");
  EXPECT_FALSE(submitted.resent());
  const auto await = worker.driver().read<wire::Await>(wire::AWAIT);
  ASSERT_EQ(await.ids_size(), 2);
  EXPECT_EQ(await.ids(0), submitted.id().scope());
  EXPECT_EQ(await.ids(1), submitted.id().sequence());
  EXPECT_TRUE(await.values());
  EXPECT_TRUE(await.blocks());
  worker.answer(await, 0, encoded(3));
  const auto release = worker.driver().read<wire::Release>(wire::RELEASE);
  EXPECT_EQ(release.number(), 2U);
  worker.end();
  EXPECT_EQ(driver.get(), 3);
}

TEST(Driver, AsksForOneNthByWhatNOfFitInOneAndNoMore) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    for (int n = 1; n <= 1'000; ++n)
      submit({.cpus = 1.0 / n, .gpus = 1.0F / static_cast<float>(n), .resources = {{"license", 1.0 / n}}}, [] {
      }).unattended();
    return 0;
  });
  worker.accept();
  worker.welcome();
  for (std::uint64_t n = 1; n <= 1'000; ++n) {
    const auto submitted = worker.driver().read<wire::Submit>(wire::SUBMIT);
    for (const std::uint64_t micro : {submitted.requirements().cpu_micro(), submitted.requirements().gpu_micro(),
                                      submitted.requirements().named_micro(0).micro()}) {
      EXPECT_LE(n * micro, 1'000'000U) << n;
      EXPECT_GT((n + 1) * micro, 1'000'000U) << n;
    }
  }
  worker.end();
  EXPECT_EQ(driver.get(), 0);
}

TEST(Driver, TheGraceIsWhatTheProgramAsksFor) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster, {.grace = std::chrono::minutes(2)});
    return 0;
  });
  worker.accept();
  EXPECT_EQ(worker.hello().grace_ms(), 120'000U);
  worker.welcome();
  worker.end();
  EXPECT_EQ(driver.get(), 0);
}

TEST(Driver, WhatIsSubmittedGoesOutThoughNobodyAsksForIt) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  std::promise<void> seen;
  auto driver = in_thread([&seen] {
    const Session session(kCluster);
    submit([] { return 1; });
    seen.get_future().wait();
  });
  worker.accept();
  worker.welcome();
  EXPECT_EQ(worker.driver().read<wire::Submit>(wire::SUBMIT).number(), 1U);
  seen.set_value();
  worker.end();
  driver.get();
}

int add(int a, int b) { return a + b; }

TEST(Driver, ATaskHasTheNameOfItsFunction) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    submit(add, 1, 2);
    submit([](int v) { return v; }, 1);
    submit({.name = "mine"}, add, 1, 2);
  });
  worker.accept();
  worker.welcome();
  EXPECT_EQ(worker.driver().read<wire::Submit>(wire::SUBMIT).name(), "morrow::test::add");
  EXPECT_NE(worker.driver().read<wire::Submit>(wire::SUBMIT).name().find("lambda"), std::string::npos);
  EXPECT_EQ(worker.driver().read<wire::Submit>(wire::SUBMIT).name(), "mine");
  worker.end();
  driver.get();
}

TEST(Driver, FuturesOfAScopeAreBornInItAndItsEndIsTold) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    {
      const Scope scope;
      submit([] { return 1; });
    }
    submit([] { return 2; });
  });
  worker.accept();
  worker.welcome();
  const auto open = worker.driver().read<wire::OpenScope>(wire::OPEN_SCOPE);
  EXPECT_EQ(open.parent(), worker.hello().session());
  EXPECT_EQ(worker.driver().read<wire::Submit>(wire::SUBMIT).id().scope(), open.scope());
  EXPECT_EQ(worker.driver().read<wire::EndScope>(wire::END_SCOPE).scope(), open.scope());
  EXPECT_EQ(worker.driver().read<wire::Submit>(wire::SUBMIT).id().scope(), worker.hello().session());
  worker.end();
  driver.get();
}

TEST(Driver, FlushReturnsWhenAllIsAcknowledged) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  auto driver = in_thread([] {
    const Session session(kCluster);
    flush();  // nothing was asked: nothing to wait for
    for (int i = 0; i < 3; ++i) submit([] { return 1; });
    flush();
  });
  worker.accept();
  worker.welcome();
  for (int i = 0; i < 3; ++i) worker.driver().read<wire::Submit>(wire::SUBMIT);
  EXPECT_EQ(worker.driver().read<wire::Flush>(wire::FLUSH).number(), 3U);
  worker.ack(2);
  EXPECT_TRUE(worker.driver().is_quiet());  // it still waits
  EXPECT_NE(driver.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  worker.ack(3);
  worker.end();
  driver.get();
}

TEST(Driver, UnacknowledgedSubmitsAreBounded) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  constexpr std::uint64_t kSubmits = 120'000;
  constexpr std::uint64_t kBound = 50'000;
  auto driver = in_thread([] {
    const Session session(kCluster);
    for (std::uint64_t i = 0; i < kSubmits; ++i) submit([](std::uint64_t n) { return n; }, i);
  });
  worker.accept();
  worker.welcome();
  std::uint64_t seen = 0;
  while (!worker.driver().is_quiet()) seen = worker.driver().read<wire::Submit>(wire::SUBMIT).number();
  EXPECT_LE(seen, kBound);
  EXPECT_GT(seen, 1'000U);
  while (seen < kSubmits) {
    worker.ack(seen);
    const std::uint64_t acknowledged = seen;
    do {
      seen = worker.driver().read<wire::Submit>(wire::SUBMIT).number();
      ASSERT_LE(seen, acknowledged + kBound);
    } while (seen < kSubmits && !worker.driver().is_quiet());
  }
  worker.end();
  driver.get();
}

TEST(Driver, AWorkerThatWritesWhileWeWriteBlocksNobody) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  testing::internal::CaptureStdout();
  constexpr int kSubmits = 20'000;
  auto driver = in_thread([] {
    const Session session(kCluster);
    for (int i = 0; i < kSubmits; ++i) submit([](int n) { return n; }, i);
    flush();
  });
  worker.accept();
  worker.welcome();
  wire::Log log;
  log.set_task("chatty");
  log.set_worker("one");
  for (int i = 0; i < 100; ++i) log.add_lines(std::string(100, 'x'));
  for (int i = 0; i < 500; ++i) worker.driver().write(wire::LOG, log);  // five megabytes, before a submit is read
  for (int i = 0; i < kSubmits; ++i) worker.driver().read<wire::Submit>(wire::SUBMIT);
  worker.driver().read<wire::Flush>(wire::FLUSH);
  worker.ack(kSubmits);
  worker.end();
  driver.get();
  const std::string printed = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::count(printed.begin(), printed.end(), '\n'), 50'000);
}

TEST(Driver, LinesOfTasksAndNoticesArePrinted) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  auto driver = in_thread([] {
    const Session session(kCluster);
    return submit([] { return 1; }).get();
  });
  worker.accept();
  EXPECT_TRUE(worker.hello().log_to_driver());
  worker.welcome();
  worker.driver().read<wire::Submit>(wire::SUBMIT);
  const auto await = worker.driver().read<wire::Await>(wire::AWAIT);
  wire::Log log;
  log.set_task("greet");
  log.set_worker("one");
  log.add_lines("hello");
  log.add_lines("world");
  worker.driver().write(wire::LOG, log);
  log.set_to_stderr(true);
  worker.driver().write(wire::LOG, log);
  wire::Notice notice;
  notice.set_text("no worker fits");
  worker.driver().write(wire::NOTICE, notice);
  worker.answer(await, 0, encoded(1));
  worker.end();
  EXPECT_EQ(driver.get(), 1);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "(greet @one) hello\n(greet @one) world\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "(greet @one) hello\n(greet @one) world\nmorrow: no worker fits\n");
}

TEST(Driver, TheEndOfASessionTellsOfFailuresNobodyLookedAt) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  testing::internal::CaptureStderr();
  auto driver = in_thread([] { const Session session(kCluster); });
  worker.accept();
  worker.welcome();
  wire::Failure failure;
  failure.set_type("std::out_of_range");
  failure.set_message("row 7");
  failure.set_task("load");
  failure.set_where("main.cc:12");
  worker.end(3, failure.SerializeAsString());
  driver.get();
  EXPECT_EQ(
      testing::internal::GetCapturedStderr(),
      "morrow: 3 futures failed and nobody looked at them; the first: std::out_of_range: row 7 (load, main.cc:12)\n");
}

TEST(Driver, SendsTheFilesThatAreMissing) {
  const FakeCluster cluster;
  FakeWorker worker("one");
  std::promise<void> done;
  auto driver = in_thread([&done] {
    const Session session(kCluster);
    done.get_future().wait();
  });
  worker.accept();
  ASSERT_GT(worker.program().modules_size(), 0);
  const wire::Module& executable = worker.program().modules(0);
  worker.welcome();
  wire::Need need;
  need.add_blobs(executable.sha256());
  worker.driver().write(wire::NEED, need);
  std::string content;
  for (std::uint32_t index = 0;; ++index) {
    const auto chunk = worker.driver().read<wire::BlobChunk>(wire::BLOB_CHUNK);
    ASSERT_EQ(chunk.index(), index);
    ASSERT_EQ(chunk.hash(), executable.sha256());
    std::string piece(64 << 10, '\0');
    const std::size_t size = ZSTD_decompress(piece.data(), piece.size(), chunk.data().data(), chunk.data().size());
    ASSERT_FALSE(ZSTD_isError(size));
    content.append(piece, 0, size);
    if (!chunk.last()) continue;
    EXPECT_EQ(chunk.size(), content.size());
    break;
  }
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_TRUE(content == expected.str());
  done.set_value();
  worker.end();
  driver.get();
}

}  // namespace
}  // namespace morrow::test
