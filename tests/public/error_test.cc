// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>
#include <new>
#include <stdexcept>
#include <string>

#include <morrow/detail/failure.h>
#include <morrow/morrow.h>

#include "tests/public/fake_core.h"

namespace {

using morrow::detail::Failure;
using morrow::detail::FailureKind;
using morrow::detail::throw_failure;

class Errors : public testing::Test {
 protected:
  void SetUp() override { fake::reset(); }
};

Failure failure_of(FailureKind kind, std::string type = "", std::string message = "") {
  Failure failure;
  failure.kind = kind;
  failure.type = std::move(type);
  failure.message = std::move(message);
  failure.worker = "w1";
  failure.attempt = 2;
  failure.task = "train";
  failure.where = "main.cc:12";
  failure.frames = {{.module = 0, .offset = 7}};
  return failure;
}

template <class E>
E caught(const Failure& failure) {
  try {
    throw_failure(failure);
  } catch (const E& error) {
    return error;
  }
}

TEST_F(Errors, ARemoteErrorSaysAllInOneLine) {
  const auto error = caught<morrow::RemoteError>(failure_of(FailureKind::kException, "std::out_of_range", "row 7"));
  EXPECT_STREQ(error.what(), "std::out_of_range: row 7 (task 'train' from main.cc:12, worker w1, attempt 2)");
  EXPECT_EQ(error.type(), "std::out_of_range");
  EXPECT_EQ(error.message(), "row 7");
  EXPECT_EQ(error.worker(), "w1");
  EXPECT_EQ(error.attempt(), 2u);
  EXPECT_EQ(error.task(), "train");
  EXPECT_EQ(error.where(), "main.cc:12");
  EXPECT_EQ(error.stack(), "frame at 7\n");
}

TEST_F(Errors, WhatIsNotKnownIsLeftOut) {
  Failure failure;
  failure.kind = FailureKind::kException;
  failure.type = "int";
  EXPECT_STREQ(caught<morrow::RemoteError>(failure).what(), "int");
  failure.worker = "w1";
  EXPECT_STREQ(caught<morrow::RemoteError>(failure).what(), "int (worker w1)");
}

template <class Original>
void expect_original(const std::string& type) {
  try {
    throw_failure(failure_of(FailureKind::kException, type, "text"));
  } catch (const morrow::RemoteError& error) {
    EXPECT_THROW(std::rethrow_if_nested(error), Original) << type;
    EXPECT_NE(error.original(), nullptr) << type;
    EXPECT_THROW(std::rethrow_exception(error.original()), Original) << type;
  }
}

TEST_F(Errors, ADeadlockIsAnErrorOfItsOwnThatSaysWhoWaitsForWhom) {
  Failure failure;
  failure.kind = FailureKind::kDeadlock;
  failure.message = "a deadlock: a waits for b, b waits for a";
  failure.task = "a";
  EXPECT_STREQ(caught<morrow::DeadlockError>(failure).what(), "a deadlock: a waits for b, b waits for a (task 'a')");
}

TEST_F(Errors, StandardExceptionsCanBeCaughtAgainAsTheOriginal) {
  expect_original<std::runtime_error>("std::runtime_error");
  expect_original<std::logic_error>("std::logic_error");
  expect_original<std::out_of_range>("std::out_of_range");
  expect_original<std::invalid_argument>("std::invalid_argument");
  expect_original<std::length_error>("std::length_error");
  expect_original<std::domain_error>("std::domain_error");
  expect_original<std::range_error>("std::range_error");
  expect_original<std::overflow_error>("std::overflow_error");
  expect_original<std::underflow_error>("std::underflow_error");
  expect_original<std::bad_alloc>("std::bad_alloc");
  expect_original<std::bad_optional_access>("std::bad_optional_access");
  expect_original<std::bad_variant_access>("std::bad_variant_access");
  expect_original<morrow::DecodeError>("morrow::DecodeError");
}

TEST_F(Errors, TheOriginalKeepsItsMessage) {
  try {
    morrow::submit([]() -> int { throw std::out_of_range("row 7"); }).get();
    FAIL() << "no failure was thrown";
  } catch (const morrow::RemoteError& error) {
    EXPECT_EQ(error.type(), "std::out_of_range");
    try {
      std::rethrow_if_nested(error);
      FAIL() << "no original was nested";
    } catch (const std::out_of_range& original) {
      EXPECT_STREQ(original.what(), "row 7");
    }
  }
}

TEST_F(Errors, AnExceptionThatIsBeingHandledNeverPassesForTheOriginal) {
  try {
    throw std::runtime_error("mine");
  } catch (const std::runtime_error&) {
    const auto error = caught<morrow::RemoteError>(failure_of(FailureKind::kException, "mine::Special", "text"));
    EXPECT_EQ(error.original(), nullptr);
    EXPECT_NO_THROW(std::rethrow_if_nested(error));
  }
}

TEST_F(Errors, ACrashNamesItsSignalOrStatus) {
  Failure failure = failure_of(FailureKind::kCrash);
  failure.signal = SIGSEGV;
  const auto killed = caught<morrow::TaskCrashed>(failure);
  EXPECT_EQ(killed.signal(), SIGSEGV);
  EXPECT_NE(std::string(killed.what()).find("SIGSEGV"), std::string::npos) << killed.what();
  failure.signal = 0;
  failure.exit_status = 3;
  const auto exited = caught<morrow::TaskCrashed>(failure);
  EXPECT_EQ(exited.exit_status(), 3);
  EXPECT_NE(std::string(exited.what()).find("exited with status 3"), std::string::npos) << exited.what();
}

TEST_F(Errors, ADeathWithNoSignalAndNoStatusIsToldInItsOwnWords) {
  Failure failure = failure_of(FailureKind::kCrash, {}, "the worker that ran it died");
  const std::string what = caught<morrow::TaskCrashed>(failure).what();
  EXPECT_EQ(what.find("status 0"), std::string::npos) << what;
  EXPECT_NE(what.find("the worker that ran it died"), std::string::npos) << what;
}

TEST_F(Errors, APoisonedTaskIsACrashThatTellsOfEachAttempt) {
  Failure failure = failure_of(FailureKind::kPoisoned);
  failure.signal = SIGSEGV;
  failure.attempt = 3;
  for (const std::uint32_t attempt : {1u, 2u}) {
    Failure earlier = failure_of(FailureKind::kCrash);
    earlier.attempt = attempt;
    earlier.worker = "w" + std::to_string(attempt);
    earlier.exit_status = 4;
    failure.earlier.push_back(earlier);
  }
  EXPECT_THROW(throw_failure(failure), morrow::TaskCrashed);
  const auto error = caught<morrow::PoisonedError>(failure);
  EXPECT_EQ(error.signal(), SIGSEGV);
  const auto attempts = error.attempts();
  ASSERT_EQ(attempts.size(), 3u);
  EXPECT_EQ(attempts[0].worker, "w1");
  EXPECT_EQ(attempts[1].exit_status, 4);
  EXPECT_EQ(attempts[2].signal, SIGSEGV);
  const std::string what = error.what();
  EXPECT_NE(what.find("attempt 2 on worker w2, the process exited with status 4"), std::string::npos) << what;
  EXPECT_NE(what.find("attempt 3"), std::string::npos) << what;
}

TEST_F(Errors, OneForWantOfMemoryHasItsNumbersAndIsACrash) {
  Failure failure = failure_of(FailureKind::kOutOfMemory);
  failure.signal = SIGKILL;
  failure.message = "it used too much";
  failure.asked_bytes = 100;
  failure.used_bytes = 300;
  EXPECT_THROW(throw_failure(failure), morrow::TaskCrashed);
  const auto error = caught<morrow::OutOfMemoryError>(failure);
  EXPECT_EQ(error.asked(), 100U);
  EXPECT_EQ(error.used(), 300U);
  EXPECT_NE(std::string(error.what()).find("it used too much"), std::string::npos) << error.what();
}

TEST_F(Errors, EveryKindHasItsClass) {
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kException)), morrow::RemoteError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kCrash)), morrow::TaskCrashed);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kPoisoned)), morrow::PoisonedError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kStackOverflow)), morrow::StackOverflowError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kTimeout)), morrow::TimeoutError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kCancelled)), morrow::CancelledError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kReleased)), morrow::ReleasedError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kDependency)), morrow::DependencyError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kUnschedulable)), morrow::UnschedulableError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kProgram)), morrow::ProgramError);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kTooLarge)), morrow::TooLargeError);
}

TEST_F(Errors, AFailedDependencyNamesTheRootCause) {
  auto bad = morrow::submit([]() -> int { throw std::out_of_range("row 7"); });
  auto next = morrow::submit([](int v) { return v; }, bad);
  try {
    next.get();
    FAIL() << "no failure was thrown";
  } catch (const morrow::DependencyError& error) {
    EXPECT_EQ(error.type(), "std::out_of_range");
    EXPECT_EQ(error.message(), "row 7");
    EXPECT_NE(std::string(error.what()).find("depends on failed: std::out_of_range: row 7"), std::string::npos)
        << error.what();
    EXPECT_THROW(std::rethrow_if_nested(error), std::out_of_range);
  }
}

TEST_F(Errors, AllAreMorrowErrorsAndRuntimeErrors) {
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kException)), morrow::Error);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kException, "std::logic_error")), std::runtime_error);
  EXPECT_THROW(throw_failure(failure_of(FailureKind::kException, "std::logic_error")), std::exception);
}

}  // namespace
