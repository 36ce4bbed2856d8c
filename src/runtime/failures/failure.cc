// SPDX-License-Identifier: Apache-2.0
#include <morrow/detail/failure.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <morrow/error.h>

#include "base/shown.h"
#include "runtime/failures/standard_error.h"

namespace morrow {

namespace {

using detail::Failure;
using detail::FailureKind;

/// "SIGSEGV (Segmentation fault)".
std::string signal_text(int signal) {
  if (signal <= 0 || signal >= NSIG) return "signal " + std::to_string(signal);  // the C library looks one too far
  const char* name = ::sigabbrev_np(signal);
  const char* description = ::sigdescr_np(signal);
  std::string text = name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
  if (description != nullptr) text += " (" + std::string(description) + ")";
  return text;
}

std::string happening(const Failure& failure, FailureKind kind);

/// "it ended its process at each of 3 attempts: attempt 1 on worker a, the process died of SIGSEGV …; …".
std::string crashes(const Failure& last) {
  const bool is_told_apart = last.signal != 0 || last.exit_status != 0 || !last.earlier.empty();
  if (!is_told_apart && !last.message.empty()) return last.message;
  std::string text = "it ended its process again and again, and is not tried any more: ";
  const auto add = [&](const Failure& one) {
    text += "attempt " + std::to_string(one.attempt) + (one.worker.empty() ? "" : " on worker " + one.worker) + ", " +
            happening(one, FailureKind::kCrash) + "; ";
  };
  for (const Failure& one : last.earlier) add(one);
  add(last);
  text.resize(text.size() - 2);
  return text;
}

/// What happened, without who and where: "std::out_of_range: row 7".
std::string happening(const Failure& failure, FailureKind kind) {
  switch (kind) {
    case FailureKind::kCrash:
      if (failure.signal != 0) return "the process died of " + signal_text(failure.signal);
      if (failure.exit_status == 0 && !failure.message.empty()) return failure.message;
      return "the process exited with status " + std::to_string(failure.exit_status) + " before the task returned";
    case FailureKind::kPoisoned:
      return crashes(failure);
    case FailureKind::kStackOverflow:
      return failure.message.empty() ? "the task ran out of stack: a recursion without end?" : failure.message;
    case FailureKind::kTimeout:
      return failure.message.empty() ? "the task ran longer than its timeout" : failure.message;
    case FailureKind::kCancelled:
      return failure.message.empty() ? "the future was cancelled" : failure.message;
    case FailureKind::kReleased:
      return failure.message.empty() ? "the future was released, or its scope has ended" : failure.message;
    case FailureKind::kUnschedulable:
      return failure.message.empty() ? "no worker could ever meet the requirements of the task" : failure.message;
    case FailureKind::kProgram:
      return failure.message.empty() ? "the program could not be started on the worker" : failure.message;
    case FailureKind::kTooLarge:
      return failure.message.empty() ? "the value is larger than a value may be" : failure.message;
    case FailureKind::kNoRoom:
      return failure.message.empty() ? "the value found no room in the worker's object memory" : failure.message;
    case FailureKind::kLost:
      return failure.message.empty() ? "no worker that is alive has the value any more" : failure.message;
    case FailureKind::kStoreFull:
      return failure.message.empty()
                 ? "the store of the cluster was full for longer than the session's store_patience, so that this "
                   "future, or its value, found no room: free space on its disk where that is full, release futures, "
                   "or end sessions that hold some"
                 : failure.message;
    case FailureKind::kDeadlock:
      return failure.message.empty() ? "the task waited, through others, for itself" : failure.message;
    case FailureKind::kOutOfMemory:
      return failure.message.empty() ? "memory ran out" : failure.message;
    case FailureKind::kNone:
    case FailureKind::kException:
    case FailureKind::kDependency:
      break;
  }
  if (failure.type.empty()) return failure.message.empty() ? "the task failed for an unknown reason" : failure.message;
  return failure.message.empty() ? failure.type : failure.type + ": " + failure.message;
}

/// " (task 'train' from main.cc:12, worker w1, attempt 1)", of what is known.
std::string circumstances(const Failure& failure) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? " (" : ", ") + part; };
  if (!failure.task.empty()) {
    add("task '" + failure.task + "'" + (failure.where.empty() ? "" : " from " + failure.where));
  } else if (!failure.where.empty()) {
    add("submitted at " + failure.where);
  }
  if (!failure.worker.empty()) add("worker " + failure.worker);
  if (failure.attempt != 0) add("attempt " + std::to_string(failure.attempt));
  return text.empty() ? text : text + ")";
}

/// Of the failure itself, or of the one that it depends on.
FailureKind cause_of(const Failure& failure) {
  return failure.kind == FailureKind::kDependency ? failure.root_kind : failure.kind;
}

/// As it may be shown: message() has what was said byte by byte.
std::string sentence(const Failure& failure) {
  const bool depends = failure.kind == FailureKind::kDependency;
  std::string text = depends ? "a future that this one depends on failed: " : "";
  text += happening(failure, cause_of(failure));
  std::string tasks = circumstances(failure);
  if (!failure.passed.empty())
    tasks = circumstances(failure.passed.front()) + ", and the task that waited for it let it pass" + tasks;
  return base::shown_text(text) + base::shown_line(tasks);
}

/// The class that a failure of a task is thrown as; empty for one that threw, or that is none of a task's.
const char* class_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kCrash:
      return "morrow::TaskCrashed";
    case FailureKind::kPoisoned:
      return "morrow::PoisonedError";
    case FailureKind::kOutOfMemory:
      return "morrow::OutOfMemoryError";
    case FailureKind::kStackOverflow:
      return "morrow::StackOverflowError";
    case FailureKind::kTimeout:
      return "morrow::TimeoutError";
    case FailureKind::kDependency:
      return "morrow::DependencyError";
    default:
      return "";
  }
}

bool threw(const Failure& failure) { return cause_of(failure) == FailureKind::kException; }

std::exception_ptr make_original(const Failure& failure) {
  try {
    if (!failure.passed.empty() && !threw(failure.passed.front())) detail::throw_failure(failure.passed.front());
    runtime::throw_standard(failure.standard, failure.type, failure.message);
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

/// Throws an E, with the original nested in it where there is one. Outside of the handler below nothing is nested,
/// so that an exception that the caller is just handling never passes for the original.
template <class E>
[[noreturn]] void throw_remote(const Failure& failure) {
  const auto shared = std::make_shared<const Failure>(failure);
  const std::exception_ptr original = make_original(failure);
  if (original == nullptr) throw E(shared);
  try {
    std::rethrow_exception(original);
  } catch (...) {
    std::throw_with_nested(E(shared));
  }
}

}  // namespace

RemoteError::RemoteError(std::shared_ptr<const detail::Failure> failure)
    : Error(sentence(*failure)), failure_(std::move(failure)) {}

const std::string& RemoteError::type() const noexcept { return failure_->type; }
const std::string& RemoteError::message() const noexcept { return failure_->message; }
std::string RemoteError::stack() const {
  return detail::symbolize(failure_->passed.empty() ? failure_->frames : failure_->passed.front().frames);
}
const std::string& RemoteError::worker() const noexcept { return failure_->worker; }
std::uint32_t RemoteError::attempt() const noexcept { return failure_->attempt; }
const std::string& RemoteError::task() const noexcept { return failure_->task; }
const std::string& RemoteError::where() const noexcept { return failure_->where; }

std::exception_ptr RemoteError::original() const noexcept {
  const auto* nested = dynamic_cast<const std::nested_exception*>(this);
  if (nested != nullptr) return nested->nested_ptr();
  return make_original(*failure_);  // a copy of the base alone has nothing nested
}

int TaskCrashed::signal() const noexcept { return failure().signal; }
int TaskCrashed::exit_status() const noexcept { return failure().exit_status; }

std::uint64_t OutOfMemoryError::asked() const noexcept { return failure().asked_bytes; }
std::uint64_t OutOfMemoryError::used() const noexcept { return failure().used_bytes; }

std::vector<PoisonedError::Attempt> PoisonedError::attempts() const {
  std::vector<Attempt> all;
  const auto add = [&all](const Failure& one) {
    all.push_back({.number = one.attempt,
                   .worker = one.worker,
                   .signal = one.signal,
                   .exit_status = one.exit_status,
                   .message = one.message,
                   .stack = detail::symbolize(one.frames)});
  };
  for (const Failure& one : failure().earlier) add(one);
  add(failure());
  return all;
}

const Failure& detail::failure_of(const RemoteError& error) noexcept { return *error.failure_; }

std::optional<Failure> detail::let_pass(const std::exception_ptr& exception) {
  if (exception == nullptr) return std::nullopt;
  Failure first;
  try {
    std::rethrow_exception(exception);
  } catch (const RemoteError& error) {
    first = failure_of(error);
  } catch (...) {
    return std::nullopt;
  }
  Failure failure;
  failure.kind = FailureKind::kException;
  failure.passed = std::move(first.passed);
  if (!failure.passed.empty() || threw(first)) {
    failure.type = std::move(first.type);
    failure.message = std::move(first.message);
    failure.standard = std::move(first.standard);
    if (failure.passed.empty()) failure.passed.push_back(std::move(first));
    return failure;
  }
  failure.type = class_of(first.kind);
  failure.message = happening(first, cause_of(first));
  failure.passed.push_back(std::move(first));
  return failure;
}

void detail::throw_failure(const Failure& failure) {
  switch (failure.kind) {
    case FailureKind::kCancelled:
      throw CancelledError(sentence(failure));
    case FailureKind::kReleased:
      throw ReleasedError(sentence(failure));
    case FailureKind::kUnschedulable:
      throw UnschedulableError(sentence(failure));
    case FailureKind::kProgram:
      throw ProgramError(sentence(failure));
    case FailureKind::kTooLarge:
      throw TooLargeError(sentence(failure));
    case FailureKind::kNoRoom:
      throw ObjectMemoryError(sentence(failure));
    case FailureKind::kLost:
      throw ObjectLostError(sentence(failure));
    case FailureKind::kStoreFull:
      throw StoreFullError(sentence(failure));
    case FailureKind::kDeadlock:
      throw DeadlockError(sentence(failure));
    case FailureKind::kCrash:
      throw_remote<TaskCrashed>(failure);
    case FailureKind::kPoisoned:
      throw_remote<PoisonedError>(failure);
    case FailureKind::kOutOfMemory:
      throw_remote<OutOfMemoryError>(failure);
    case FailureKind::kStackOverflow:
      throw_remote<StackOverflowError>(failure);
    case FailureKind::kTimeout:
      throw_remote<TimeoutError>(failure);
    case FailureKind::kDependency:
      throw_remote<DependencyError>(failure);
    case FailureKind::kNone:
    case FailureKind::kException:
      break;
  }
  throw_remote<RemoteError>(failure);
}

}  // namespace morrow
