// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/detail/failure.h>
#include <morrow/morrow.h>
#include <unistd.h>

#include <thread>

#include "tests/runtime/executor/fake_executor_owner.h"

namespace morrow::test {
namespace {

using detail::FailureKind;
using detail::FutureId;
using detail::Invocation;
using detail::Result;
using detail::Value;

void hand_back(Result& result, std::string_view text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  result.bytes.assign(bytes, bytes + text.size());
}

std::string text_of(const Value& value) {
  return {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()};
}

void echo_call(const Invocation& invocation, Result& result) {
  hand_back(result,
            {reinterpret_cast<const char*>(invocation.arguments.bytes.data()), invocation.arguments.bytes.size()});
}

FutureId submit_echo() {
  detail::Call call;
  call.invoker = echo_call;
  call.function_name = "echo";
  return detail::submit(std::move(call), Options(), std::source_location::current());
}

void submits_and_gets(const Invocation&, Result& result) {
  const FutureId id = submit_echo();
  hand_back(result, "got " + text_of(detail::get(id)));
}

void gets_in_a_thread(const Invocation&, Result& result) {
  std::string text;
  std::thread([&text] { text = text_of(detail::get(submit_echo())); }).join();
  hand_back(result, "thread got " + text);
}

void waits_a_moment(const Invocation&, Result& result) {
  const FutureId id = submit_echo();
  const auto value = detail::get_for(id, std::chrono::hours(1));
  hand_back(result, value ? "value" : "nothing");
}

void recurses(const Invocation& invocation, Result& result) {
  // What stands on the stack is what a deep chain of nested runs would put there.
  volatile char ballast[64 << 10];
  ballast[0] = 0;
  submits_and_gets(invocation, result);
  ballast[sizeof(ballast) - 1] = ballast[0];
}

class ExecutorWaits : public testing::Test {
 protected:
  void SetUp() override {
    skip_where_nothing_forks();
    if (IsSkipped()) return;
    ASSERT_EQ(owner_.send_own_program().error(), "");
    executor_ = owner_.fork();
  }
  wire::Await await() { return executor_.tasks.read<wire::Await>(wire::AWAIT); }
  wire::Submit submitted() { return executor_.tasks.read<wire::Submit>(wire::SUBMIT); }
  void answer(const wire::Await& await, const std::string& text) {
    wire::Ready ready;
    ready.set_token(await.token());
    ready.set_bytes(text);
    executor_.tasks.write(wire::READY, ready);
  }

  FakeExecutorOwner owner_;
  FakeExecutor executor_;
};

TEST_F(ExecutorWaits, ATaskSubmitsInItsOwnScopeAndGets) {
  executor_.give(0, submits_and_gets);
  const auto submit = submitted();
  EXPECT_EQ(submit.number(), 1U);
  EXPECT_EQ(submit.claim(), 100U);
  EXPECT_EQ(submit.id().scope(), 100U);
  const auto asked = await();
  EXPECT_EQ(asked.claim(), 100U);
  EXPECT_TRUE(asked.blocks());
  answer(asked, "it");
  EXPECT_EQ(executor_.done().bytes(), "got it");
}

TEST_F(ExecutorWaits, ANestedTaskRunsOnTopOfTheOneThatWaits) {
  executor_.give(0, submits_and_gets);
  submitted();
  const auto outer = await();
  executor_.give(1, submits_and_gets, {}, true);
  const auto submit = submitted();
  EXPECT_EQ(submit.claim(), 101U);
  EXPECT_EQ(submit.number(), 2U);
  const auto inner = await();
  EXPECT_EQ(inner.claim(), 101U);
  executor_.give(2, echo_call, "third", true);
  EXPECT_EQ(executor_.done().bytes(), "third");
  answer(inner, "inner");
  EXPECT_EQ(executor_.done().bytes(), "got inner");
  answer(outer, "outer");
  const auto done = executor_.done();
  EXPECT_EQ(done.claim(), 100U);
  EXPECT_EQ(done.bytes(), "got outer");
}

TEST_F(ExecutorWaits, OtherTasksThanNestedOnesStayInTheQueueMeanwhile) {
  executor_.give(0, submits_and_gets);
  submitted();
  const auto asked = await();
  executor_.give(1, echo_call, "queued");
  EXPECT_TRUE(executor_.tasks.is_quiet());
  EXPECT_TRUE(executor_.words->revoke(1, 1));  // so it can be taken back
  answer(asked, "it");
  EXPECT_EQ(executor_.done().bytes(), "got it");
  executor_.give(2, echo_call, "last");
  EXPECT_EQ(executor_.done().bytes(), "last");
}

TEST_F(ExecutorWaits, ANestedTaskThatComesTooLateRunsAfterwards) {
  executor_.give(0, submits_and_gets);
  submitted();
  const auto asked = await();
  answer(asked, "it");
  EXPECT_EQ(executor_.done().bytes(), "got it");
  executor_.give(1, echo_call, "late", true);
  EXPECT_EQ(executor_.done().bytes(), "late");
}

TEST_F(ExecutorWaits, AThreadOfATaskAsksForItAndHostsNestedTasks) {
  executor_.give(0, gets_in_a_thread);
  EXPECT_EQ(submitted().claim(), 100U);
  const auto asked = await();
  EXPECT_EQ(asked.claim(), 100U);
  executor_.give(1, echo_call, "guest", true);
  EXPECT_EQ(executor_.done().bytes(), "guest");
  answer(asked, "it");
  EXPECT_EQ(executor_.done().bytes(), "thread got it");
}

TEST_F(ExecutorWaits, TimedWaitsHostNothing) {
  executor_.give(0, waits_a_moment);
  submitted();
  const auto asked = await();
  EXPECT_FALSE(asked.blocks());
  executor_.give(1, echo_call, "guest", true);
  EXPECT_TRUE(executor_.tasks.is_quiet());
  answer(asked, "x");
  EXPECT_EQ(executor_.done().bytes(), "value");
  EXPECT_EQ(executor_.done().bytes(), "guest");
}

TEST_F(ExecutorWaits, TheEndOfTheStackIsATypedFailureAndNoCrash) {
  constexpr std::uint32_t kMost = 250;  // slots; each takes 64 kB of 8 MB
  std::vector<wire::Await> asked;
  bool full = false;
  for (std::uint32_t slot = 0; slot < kMost && !full; ++slot) {
    executor_.give(slot, recurses, {}, slot > 0);
    const auto frame = executor_.tasks.next();
    ASSERT_TRUE(frame);
    if (frame->type == wire::SUBMIT) {
      asked.push_back(await());
      continue;
    }
    ASSERT_EQ(frame->type, wire::TASK_DONE);
    wire::TaskDone done;
    wire::parse(done, frame->payload);
    EXPECT_EQ(done.failure(), static_cast<std::uint32_t>(FailureKind::kStackOverflow));
    full = true;
  }
  EXPECT_TRUE(full);
  EXPECT_GT(asked.size(), 10U);
  for (; !asked.empty(); asked.pop_back()) {
    answer(asked.back(), "x");
    EXPECT_EQ(executor_.done().bytes(), "got x");
  }
}

}  // namespace
}  // namespace morrow::test
