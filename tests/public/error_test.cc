// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

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
  expect_original<std::system_error>("std::system_error");
  expect_original<std::filesystem::filesystem_error>("std::filesystem::filesystem_error");
  expect_original<std::bad_function_call>("std::bad_function_call");
  expect_original<morrow::NameTakenError>("morrow::NameTakenError");
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

/// The failure of a task that the exception has left.
Failure left_by(const std::exception_ptr& exception) {
  const auto failure = morrow::detail::let_pass(exception);
  EXPECT_TRUE(failure);
  return *failure;
}

std::exception_ptr thrown_for(const Failure& failure) {
  try {
    throw_failure(failure);
  } catch (...) {
    return std::current_exception();
  }
}

TEST_F(Errors, AFailureThatATaskLetsPassKeepsItsTypeItsStackAndItsOriginal) {
  Failure child = failure_of(FailureKind::kException, "mine::Row", "row 7");
  child.standard.name = "std::out_of_range";
  Failure parent = left_by(thrown_for(child));
  parent.task = "parent";
  for (int times = 0; times < 2; ++times) {
    const auto error = caught<morrow::RemoteError>(parent);
    EXPECT_EQ(error.type(), "mine::Row");
    EXPECT_EQ(error.message(), "row 7");
    EXPECT_EQ(error.task(), "parent");
    EXPECT_EQ(error.stack(), "frame at 7\n");
    EXPECT_THROW(std::rethrow_exception(error.original()), std::out_of_range);
    EXPECT_STREQ(
        error.what(),
        "mine::Row: row 7 (task 'train' from main.cc:12, worker w1, attempt 2), and the task that waited for it "
        "let it pass (task 'parent')");
    parent = left_by(thrown_for(parent));  // and its parent
    parent.task = "parent";
  }
}

TEST_F(Errors, ACrashThatATaskLetsPassIsItsOriginal) {
  Failure child = failure_of(FailureKind::kCrash);
  child.signal = SIGSEGV;
  const auto error = caught<morrow::RemoteError>(left_by(thrown_for(child)));
  EXPECT_EQ(error.type(), "morrow::TaskCrashed");
  EXPECT_NE(error.message().find("SIGSEGV"), std::string::npos) << error.message();
  try {
    std::rethrow_exception(error.original());
  } catch (const morrow::TaskCrashed& crash) {
    EXPECT_EQ(crash.signal(), SIGSEGV);
    EXPECT_EQ(crash.where(), "main.cc:12");
  }
}

TEST_F(Errors, WhatIsNoFailureOfATaskIsNotOneThatItLetPass) {
  EXPECT_FALSE(morrow::detail::let_pass(std::make_exception_ptr(std::runtime_error("x"))));
  EXPECT_FALSE(morrow::detail::let_pass(nullptr));
}

TEST_F(Errors, ACopyOfTheBaseAloneHasTheOriginalToo) {
  try {
    throw_failure(failure_of(FailureKind::kException, "std::out_of_range", "row 7"));
  } catch (const morrow::RemoteError& error) {
    const morrow::RemoteError copy = error;
    EXPECT_THROW(std::rethrow_exception(copy.original()), std::out_of_range);
  }
}

TEST_F(Errors, CodesAndPathsComeBackWithTheOriginal) {
  Failure failure = failure_of(FailureKind::kException, "mine::NoFile", "no file");
  failure.standard = {"std::filesystem::filesystem_error", ENOENT, "generic", "/a", "/b"};
  try {
    throw_failure(failure);
  } catch (const morrow::RemoteError& error) {
    try {
      std::rethrow_if_nested(error);
      FAIL() << "no original was nested";
    } catch (const std::filesystem::filesystem_error& original) {
      EXPECT_EQ(original.code(), std::errc::no_such_file_or_directory);
      EXPECT_EQ(original.path1(), "/a");
      EXPECT_EQ(original.path2(), "/b");
      EXPECT_STREQ(original.what(), "no file");
    }
  }
  failure.standard = {"std::system_error", 5, "the program's own", "", ""};
  try {
    throw_failure(failure);
  } catch (const morrow::RemoteError& error) {
    try {
      std::rethrow_if_nested(error);
    } catch (const std::system_error& original) {
      EXPECT_EQ(original.code().value(), 5);
      EXPECT_STREQ(original.code().category().name(), "the program's own");
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
