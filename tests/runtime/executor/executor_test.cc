// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <morrow/detail/failure.h>
#include <morrow/executor.h>
#include <morrow/morrow.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <thread>

#include "runtime/image/program.h"
#include "tests/runtime/executor/fake_executor_owner.h"
#include "wire/held_results.h"

namespace morrow::test {
namespace {

using detail::FailureKind;
using detail::Invocation;
using detail::Result;

void give_back(Result& result, const std::string& text) {
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  result.bytes.assign(bytes, bytes + text.size());
  result.may_hold_futures = false;
}

void echo(const Invocation& invocation, Result& result) {
  give_back(result,
            {reinterpret_cast<const char*>(invocation.arguments.bytes.data()), invocation.arguments.bytes.size()});
}
void throws(const Invocation&, Result&) { throw std::out_of_range("row 7"); }
void exits(const Invocation&, Result&) {
  std::printf("last words");
  std::exit(3);
}
void crashes(const Invocation&, Result&) { raise(SIGSEGV); }
void prints(const Invocation&, Result&) {
  std::printf("by printf");
  std::cout << " by cout";
  std::cerr << "to stderr";
}
void gives_much(const Invocation&, Result& result) { result.bytes.resize((64 << 10) + 1); }
void tells_surroundings(const Invocation&, Result& result) {
  const char* devices = std::getenv("CUDA_VISIBLE_DEVICES");
  give_back(result, std::string(devices == nullptr ? "none" : devices) + " " +
                        (std::getenv("MORROW_EXECUTOR") == nullptr ? "clean" : "dirty") + " " +
                        (getpgrp() == getpid() ? "own group" : "shared group"));
}

int started = 0;
void tells_started(const Invocation&, Result& result) { give_back(result, std::to_string(started)); }

std::string read_now(const wire::Fd& pipe) {
  std::string text(1 << 10, '\0');
  await_readable(pipe.get(), "output");
  const ssize_t got = read(pipe.get(), text.data(), text.size());
  return text.substr(0, got < 0 ? 0 : static_cast<std::size_t>(got));
}

wire::Failure failure_of(const wire::TaskDone& done) {
  wire::Failure failure;
  failure.ParseFromString(done.bytes());
  return failure;
}

class Executor : public testing::Test {
 protected:
  void SetUp() override { skip_where_nothing_forks(); }
};

TEST_F(Executor, RunsTasksAndGivesTheirValues) {
  FakeExecutorOwner owner;
  const auto ready = owner.send_own_program();
  ASSERT_EQ(ready.error(), "");
  EXPECT_TRUE(ready.can_fork());
  EXPECT_EQ(ready.pid(), owner.pid());
  FakeExecutor executor = owner.fork();
  ASSERT_EQ(owner.answer.error(), "");
  EXPECT_NE(executor.pid, owner.pid());
  for (std::uint32_t slot : {0U, 1U, 2U}) executor.give(slot, echo, "value " + std::to_string(slot));
  for (std::uint32_t slot : {0U, 1U, 2U}) {
    const auto done = executor.done();
    EXPECT_EQ(done.slot(), slot);
    EXPECT_EQ(done.generation(), 1U);
    EXPECT_EQ(done.claim(), slot + 100);
    EXPECT_EQ(done.failure(), 0U);
    EXPECT_EQ(done.bytes(), "value " + std::to_string(slot));
    EXPECT_FALSE(done.may_hold_futures());
    EXPECT_FALSE(done.has_output());
    EXPECT_TRUE(executor.words->taken(slot, 1));
  }
}

void joins_dependencies(const Invocation& invocation, Result& result) {
  std::string all;
  for (const detail::Value& value : invocation.dependencies)
    all.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
  give_back(result, all);
}

TEST_F(Executor, ATaskWhoseValuesComeInSeveralFramesHasAllOfThemInTheirOrderAndTheNextOneNone) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  for (const char* const pair : {"ab", "cd"}) {
    wire::TaskValues first;
    first.add_dependencies(std::string(1, pair[0]));
    first.add_dependencies(std::string(1, pair[1]));
    executor.tasks.write(wire::TASK_VALUES, first);
  }
  executor.give(0, joins_dependencies);
  EXPECT_EQ(executor.done().bytes(), "abcd");
  executor.give(1, joins_dependencies);
  EXPECT_EQ(executor.done().bytes(), "");
}

TEST_F(Executor, ATaskThatWasTakenBackDoesNotRun) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.words->offer(0, 1);
  ASSERT_TRUE(executor.words->revoke(0, 1));
  executor.send(0, echo, "revoked");
  executor.give(1, echo, "next");
  EXPECT_EQ(executor.done().bytes(), "next");
}

TEST_F(Executor, AnExceptionIsTheTasksFailureAndTheNextOneRuns) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, throws);
  executor.give(1, echo, "next");
  const auto done = executor.done();
  EXPECT_EQ(done.failure(), static_cast<std::uint32_t>(FailureKind::kException));
  const wire::Failure failure = failure_of(done);
  EXPECT_EQ(failure.type(), "std::out_of_range");
  EXPECT_EQ(failure.message(), "row 7");
  EXPECT_EQ(failure.task(), "function");
  EXPECT_EQ(failure.where(), "test.cc:1");
  EXPECT_EQ(failure.attempt(), 1U);
  EXPECT_EQ(executor.done().bytes(), "next");
}

TEST_F(Executor, AResultThatIsTooLargeIsAFailure) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, gives_much);
  const auto done = executor.done();
  EXPECT_EQ(done.failure(), static_cast<std::uint32_t>(FailureKind::kTooLarge));
  EXPECT_NE(failure_of(done).message().find("65537 bytes"), std::string::npos);
}

TEST_F(Executor, ATaskThatCannotBeUnderstoodFails) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  wire::Task task;
  task.set_generation(1);
  task.set_claim(100);
  task.set_payload("\xff rubbish");
  executor.words->offer(0, 1);
  executor.tasks.write(wire::TASK, task);
  EXPECT_EQ(executor.done().failure(), static_cast<std::uint32_t>(FailureKind::kProgram));
}

TEST_F(Executor, AProcessThatExitsTellsItsStatusAndLosesNoOutput) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, exits);
  const auto exited = owner.read<wire::Exited>(wire::EXITED);
  EXPECT_EQ(exited.pid(), executor.pid);
  ASSERT_TRUE(WIFEXITED(exited.status()));
  EXPECT_EQ(WEXITSTATUS(exited.status()), 3);
  EXPECT_EQ(read_now(executor.output), "last words");
  EXPECT_TRUE(executor.words->taken(0, 1));
  EXPECT_FALSE(executor.tasks.next());  // no TASK_DONE
}

TEST_F(Executor, ACrashKillsOneProcessAndAnotherIsAForkAway) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  FakeExecutor other = owner.fork();
  executor.give(0, crashes);
  const auto exited = owner.read<wire::Exited>(wire::EXITED);
  EXPECT_EQ(exited.executor(), 1U);
  EXPECT_TRUE(!WIFEXITED(exited.status()) || WEXITSTATUS(exited.status()) != 0);
  other.give(0, echo, "alive");
  EXPECT_EQ(other.done().bytes(), "alive");
  FakeExecutor third = owner.fork();
  third.give(0, echo, "new");
  EXPECT_EQ(third.done().bytes(), "new");
}

/// Until the test ends, and the process with it.
void never_ends(const Invocation&, Result&) { pause(); }

TEST_F(Executor, ResultsOfBriefTasksAreHeldWhereTheWorkerCanTakeThem) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give_brief(0, echo, "zero");
  executor.give_brief(1, echo, "one");
  executor.give_brief(2, echo, "two");
  executor.give_brief(3, never_ends);
  while (!executor.words->taken(3, 1)) std::this_thread::yield();
  const wire::HeldResults results(*executor.words);
  const auto held = results.read();
  wire::FrameReader frames;
  if (held) frames.append(held->frames);
  std::vector<std::string> values;
  // Those that the next task was not there for in time have gone out; the rest is held, and in order.
  while (!executor.tasks.is_quiet()) values.push_back(executor.done().bytes());
  while (const auto frame = frames.next()) {
    wire::TaskDone done;
    wire::parse(done, frame->payload);
    values.push_back(done.bytes());
  }
  EXPECT_EQ(values, (std::vector<std::string>{"zero", "one", "two"}));
}

TEST_F(Executor, WhatIsHeldGoesOutWhenTheNextTaskIsNotBrief) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give_brief(0, echo, "zero");
  executor.give_brief(1, echo, "one");
  executor.give(2, never_ends);
  EXPECT_EQ(executor.done().bytes(), "zero");
  EXPECT_EQ(executor.done().bytes(), "one");
}

TEST_F(Executor, OutputIsDrainedBeforeTheNextTaskRuns) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, prints);
  executor.give(1, echo, "next");
  const auto done = executor.done();
  EXPECT_TRUE(done.has_output());
  EXPECT_TRUE(executor.tasks.is_quiet());
  EXPECT_FALSE(executor.words->taken(1, 1));
  EXPECT_EQ(read_now(executor.output), "by printf by cout");
  EXPECT_EQ(read_now(executor.errors), "to stderr");
  wire::Drained drained;
  drained.set_claim(done.claim());
  executor.tasks.write(wire::DRAINED, drained);
  EXPECT_EQ(executor.done().bytes(), "next");
}

TEST_F(Executor, HasItsOwnGroupAndDevicesAndHidesThatItIsOne) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, tells_surroundings);
  EXPECT_EQ(executor.done().bytes(), "3 clean own group");
}

TEST_F(Executor, StartFunctionsRunInEachExecutor) {
  FakeExecutorOwner owner([] { on_executor_start([] { ++started; }); });
  owner.send_own_program();
  FakeExecutor first = owner.fork();
  FakeExecutor second = owner.fork();
  for (FakeExecutor* executor : {&first, &second}) {
    executor->give(0, tells_started);
    EXPECT_EQ(executor->done().bytes(), "1");
  }
}

TEST_F(Executor, LeavesWhenItsWorkerIsGone) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.tasks.close();
  const auto exited = owner.read<wire::Exited>(wire::EXITED);
  EXPECT_EQ(exited.status(), 0);
}

TEST_F(Executor, AnotherProgramIsRefused) {
  FakeExecutorOwner owner;
  wire::Program program = runtime::make_program(1, true);
  program.mutable_modules(0)->set_build_id("another");
  program.mutable_modules(0)->set_sha256(std::string(32, 'x'));
  EXPECT_NE(owner.send_program(program).error(), "");
}

TEST_F(Executor, AProgramWithThreadsIsNotForkedAndServesInPlace) {
  FakeExecutorOwner owner([] { std::thread([] { pause(); }).detach(); });
  EXPECT_FALSE(owner.send_own_program().can_fork());
  owner.fork();
  EXPECT_EQ(owner.answer.error(), "threads");
  FakeExecutor executor = owner.fork(true);
  EXPECT_EQ(owner.answer.error(), "");
  EXPECT_EQ(executor.pid, owner.pid());
  executor.give(0, echo, "in place");
  EXPECT_EQ(executor.done().bytes(), "in place");
}

TEST_F(Executor, TheFirstProcessTakesItsExecutorsAlong) {
  FakeExecutorOwner owner;
  owner.send_own_program();
  FakeExecutor executor = owner.fork();
  executor.give(0, echo, "x");
  executor.done();
  owner.close();
  EXPECT_FALSE(executor.tasks.next());
}

}  // namespace
}  // namespace morrow::test
