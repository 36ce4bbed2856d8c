// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace morrow {

namespace detail {
struct Failure;
}

/// The base of all that Morrow throws of its own. `what()` is one sentence.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// There is no open Session, or its cluster cannot be reached.
class SessionError : public Error {
 public:
  using Error::Error;
};

/// Bytes are not the value they should be: cut short or damaged.
class DecodeError : public Error {
 public:
  using Error::Error;
};

/// A value is larger than one may be.
class TooLargeError : public Error {
 public:
  using Error::Error;
};

/// A large value found no room: the worker's object memory is in use and its disk is full, or the value is larger than
/// all of it. The sentence says how much was asked for, held and free. Thrown where the value is made, and by whoever
/// asks for the value of a task that failed of it.
class ObjectMemoryError : public Error {
 public:
  using Error::Error;
};

/// No worker that is alive has the value any more (it was large, so it lay with workers and not in the store), and it
/// can't be computed again: the sentence says why.
class ObjectLostError : public Error {
 public:
  using Error::Error;
};

/// The program could not be started on a worker, or is not the one that submitted.
class ProgramError : public Error {
 public:
  using Error::Error;
};

/// The future was cancelled.
class CancelledError : public Error {
 public:
  using Error::Error;
};

/// The future was released, or the scope that it belonged to has ended.
class ReleasedError : public Error {
 public:
  using Error::Error;
};

/// No worker there is could ever meet the requirements, and Options::fail_if_unschedulable was set.
class UnschedulableError : public Error {
 public:
  using Error::Error;
};

/// A task ran and failed. Thrown by whatever asks for its value. When the task threw one of the standard exceptions, a
/// copy of that is nested: `std::rethrow_if_nested(error)` throws it, and `original()` holds it. Safe to copy and to
/// read from several threads.
class RemoteError : public Error {
 public:
  explicit RemoteError(std::shared_ptr<const detail::Failure> failure);

  /// The type of the exception, as the compiler writes it: "std::out_of_range".
  const std::string& type() const noexcept;
  /// What the exception said.
  const std::string& message() const noexcept;
  /// The stack of the throw, a line a frame, innermost first; empty when it is not known. It is made when you ask,
  /// which is slow; file and line need a program built with -g1 or more.
  std::string stack() const;
  /// The name of the worker that ran the task.
  const std::string& worker() const noexcept;
  /// Which attempt failed, from 1.
  std::uint32_t attempt() const noexcept;
  /// The name of the task, or of its function.
  const std::string& task() const noexcept;
  /// Where it was submitted: "file:line".
  const std::string& where() const noexcept;
  /// The exception itself where it is one of the standard ones, else null.
  std::exception_ptr original() const noexcept;

 protected:
  const detail::Failure& failure() const noexcept { return *failure_; }

 private:
  std::shared_ptr<const detail::Failure> failure_;
};

/// The process of the task died of a signal or left with exit(). `stack()` is that of the signal.
class TaskCrashed : public RemoteError {
 public:
  using RemoteError::RemoteError;
  /// The signal that killed it, or whose handler left with exit() (a sanitizer's does); 0 when it exited by itself.
  int signal() const noexcept;
  /// What it exited with, 0 when a signal killed it.
  int exit_status() const noexcept;
};

/// The task ran out of stack: a recursion without end, or nested awaits too deep.
class StackOverflowError : public TaskCrashed {
 public:
  using TaskCrashed::TaskCrashed;
};

/// The task ran longer than Options::timeout. (`get_for` does not throw this: it returns nothing.)
class TimeoutError : public RemoteError {
 public:
  using RemoteError::RemoteError;
};

/// A future that this one depends on failed, so it never ran. Type, message, stack and the rest are those of the one
/// that failed first.
class DependencyError : public RemoteError {
 public:
  using RemoteError::RemoteError;
};

}  // namespace morrow
