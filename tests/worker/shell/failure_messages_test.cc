// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/failure_messages.h"

#include <gtest/gtest.h>

#include <csignal>

#include "wire/crash_record.h"
#include "wire/messages.pb.h"

namespace morrow::worker {
namespace {

wire::Failure parsed(const std::string& bytes) {
  wire::Failure failure;
  EXPECT_TRUE(failure.ParseFromString(bytes));
  return failure;
}

TEST(Failures, EachKindHasASentenceAlsoWhenItsRecordHasNone) {
  for (auto kind = 1U; kind <= static_cast<unsigned>(control::kLastFailureKind); ++kind) {
    control::Outcome outcome;
    outcome.failure = static_cast<control::FailureKind>(kind);
    const std::string text = parsed(failure_bytes(outcome, "w1")).message();
    EXPECT_FALSE(text.empty()) << kind;
    EXPECT_EQ(text.find("nothing more is known"), std::string::npos) << kind;
  }
}

TEST(Failures, ADeathBySignalNamesTheSignal) {
  ExecutorExit exit;
  exit.status = SIGSEGV;
  control::Spec spec;
  spec.name = "bad";
  const control::Outcome outcome = crash_outcome(exit, &spec, 2, "w1");
  EXPECT_EQ(outcome.failure, control::FailureKind::kCrash);
  const wire::Failure failure = parsed(outcome.bytes);
  EXPECT_EQ(failure.signal(), SIGSEGV);
  EXPECT_NE(failure.message().find("signal 11 (Segmentation fault)"), std::string::npos);
  EXPECT_EQ(failure.task(), "bad");
  EXPECT_EQ(failure.worker(), "w1");
  EXPECT_EQ(failure.attempt(), 2U);
}

TEST(Failures, ThoseThatTheWorkerFindsTellWhereTheTaskWasSubmitted) {
  wire::Payload payload;
  payload.set_where("main.cc:12");
  payload.set_function_name("f");
  control::Spec spec;
  spec.payload = payload.SerializeAsString();
  ExecutorExit exit;
  exit.status = SIGSEGV;
  EXPECT_EQ(parsed(crash_outcome(exit, &spec, 1, "w1").bytes).where(), "main.cc:12");
  EXPECT_EQ(parsed(crash_outcome(exit, &spec, 1, "w1").bytes).task(), "f");
  const wire::Failure found = parsed(encode_failure(control::FailureKind::kTimeout, "too long", spec, 3));
  EXPECT_EQ(found.where(), "main.cc:12");
  EXPECT_EQ(found.attempt(), 3U);
  spec.payload = "\xff nonsense";
  spec.name = "named";
  EXPECT_EQ(parsed(crash_outcome(exit, &spec, 1, "w1").bytes).task(), "named");
}

TEST(Failures, TheStackOfACrashIsReadFromItsRecordAndRubbishIsNot) {
  wire::CrashRecord record;
  record.signal = SIGSEGV;
  record.count = 2;
  record.frames[0] = {0, 0x1234};
  record.frames[1] = {3, 0x99};
  ExecutorExit exit;
  exit.status = SIGSEGV;
  exit.crash_record.assign(reinterpret_cast<const char*>(&record), sizeof record);
  wire::Failure failure = parsed(crash_outcome(exit, nullptr, 1, "w1").bytes);
  ASSERT_EQ(failure.frames_size(), 2);
  EXPECT_EQ(failure.frames(1).module(), 3U);
  EXPECT_EQ(failure.frames(1).offset(), 0x99U);
  for (std::size_t size = 0; size < 64; ++size) {
    ExecutorExit cut = exit;
    cut.crash_record.resize(size);
    EXPECT_EQ(parsed(crash_outcome(cut, nullptr, 1, "w1").bytes).frames_size(), 0) << size;
  }
  record.count = 1U << 30;
  exit.crash_record.assign(reinterpret_cast<const char*>(&record), sizeof record);
  EXPECT_EQ(parsed(crash_outcome(exit, nullptr, 1, "w1").bytes).frames_size(), 0);
}

TEST(Failures, AFullStackIsAKindOfItsOwn) {
  wire::CrashRecord record;
  record.signal = SIGSEGV;
  record.stack_overflow = 1;
  ExecutorExit exit;
  exit.status = SIGSEGV;
  exit.crash_record.assign(reinterpret_cast<const char*>(&record), sizeof record);
  EXPECT_EQ(crash_outcome(exit, nullptr, 1, "w1").failure, control::FailureKind::kStackOverflow);
}

TEST(Failures, AnExitNamesItsStatus) {
  ExecutorExit exit;
  exit.status = 3 << 8;
  const wire::Failure failure = parsed(crash_outcome(exit, nullptr, 1, "w1").bytes);
  EXPECT_EQ(failure.exit_status(), 3);
  EXPECT_NE(failure.message().find("exited with status 3"), std::string::npos);
}

TEST(Failures, AnExitFromTheHandlerOfASignalNamesTheSignal) {
  wire::CrashRecord record;
  record.signal = SIGFPE;
  ExecutorExit exit;
  exit.status = 1 << 8;
  exit.crash_record.assign(reinterpret_cast<const char*>(&record), sizeof record);
  const wire::Failure failure = parsed(crash_outcome(exit, nullptr, 1, "w1").bytes);
  EXPECT_EQ(failure.signal(), SIGFPE);
  EXPECT_EQ(failure.exit_status(), 0);
  EXPECT_NE(failure.message().find("signal 8"), std::string::npos) << failure.message();
  record.signal = 1 << 20;
  exit.crash_record.assign(reinterpret_cast<const char*>(&record), sizeof record);
  EXPECT_EQ(parsed(crash_outcome(exit, nullptr, 1, "w1").bytes).exit_status(), 1) << "rubbish was believed";
}

TEST(Failures, WhatControlFoundGetsASentence) {
  control::Outcome outcome;
  outcome.failure = control::FailureKind::kDependency;
  outcome.root = {5, 6};
  const wire::Failure failure = parsed(failure_bytes(outcome, "w1"));
  EXPECT_EQ(failure.kind(), static_cast<std::uint32_t>(control::FailureKind::kDependency));
  EXPECT_FALSE(failure.message().empty());
  EXPECT_EQ(failure.root().scope(), 5U);
  outcome.failure = control::FailureKind::kCrash;
  outcome.bytes = "The worker that ran it died.";
  EXPECT_EQ(parsed(failure_bytes(outcome, "w1")).message(), outcome.bytes);
}

TEST(Failures, WhatATaskReportedIsPassedOnAsItIsWithWhereItRan) {
  wire::Failure thrown;
  thrown.set_kind(1);
  thrown.set_type("std::out_of_range");
  thrown.add_frames()->set_offset(77);
  const wire::Failure failure = parsed(located(thrown.SerializeAsString(), "w2", 4));
  EXPECT_EQ(failure.type(), "std::out_of_range");
  EXPECT_EQ(failure.frames(0).offset(), 77U);
  EXPECT_EQ(failure.worker(), "w2");
  EXPECT_EQ(failure.attempt(), 4U);
}

TEST(Failures, OfMemoryThatRanOutOnTheMachineIsTriedAgainAndOfTheOwnLimitIsNot) {
  ExecutorExit exit;
  exit.status = SIGKILL;
  control::Spec spec;
  const control::Outcome crash = crash_outcome(exit, &spec, 2, "w1");
  const control::Outcome own = out_of_memory_outcome(crash, {"it used too much", 100, 300, false});
  EXPECT_EQ(own.failure, control::FailureKind::kOutOfMemory);
  EXPECT_FALSE(control::retried(own, spec, 1));
  const wire::Failure failure = parsed(own.bytes);
  EXPECT_EQ(failure.kind(), 16U);
  EXPECT_EQ(failure.message(), "it used too much");
  EXPECT_EQ(failure.worker(), "w1");
  EXPECT_EQ(failure.attempt(), 2U);
  EXPECT_EQ(failure.asked_bytes(), 100U);
  EXPECT_EQ(failure.used_bytes(), 300U);
  const control::Outcome kernels = out_of_memory_outcome(crash, {"memory ran out", 0, 0, true});
  EXPECT_TRUE(control::retried(kernels, spec, 1));
  EXPECT_FALSE(control::retried(kernels, spec, spec.max_retries + 1));
}

}  // namespace
}  // namespace morrow::worker
