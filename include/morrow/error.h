// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Error and everything that derives from it: what Morrow throws.

#include <morrow/detail/compiler.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace morrow {

namespace detail {
struct Failure;
}

/// \addtogroup errors
/// \{

/// The base of all exceptions of Morrow. `what()` is one sentence, made to be shown to people.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No Session is open, one can't be opened, or the open one has lost its cluster for good.
class SessionError : public Error {
 public:
  using Error::Error;
};

/// Bytes are not a value of the type they are read as: they are cut short, damaged, or those of another type.
class DecodeError : public Error {
 public:
  using Error::Error;
};

/// What a callable captures is more than 256 kB, or there is no object memory for a value that is too large for a
/// record of the store. The sentence says which.
class TooLargeError : public Error {
 public:
  using Error::Error;
};

/// A large value found no room: the worker's object memory is in use and its disk is full, or the value is larger than
/// the whole object memory. The sentence says how much was asked for, held and free. It is thrown where the value is
/// made, and by `get` when the task failed with it.
class ObjectMemoryError : public Error {
 public:
  using Error::Error;
};

/// No living worker has the value any more, and it can't be computed again; the sentence says why. Only large values
/// are ever lost: they lie with workers and not in the store. What put() stored can't be computed again, nor the value
/// of a task with Options::max_retries 0.
class ObjectLostError : public Error {
 public:
  using Error::Error;
};

/// The store of the cluster stayed full for longer than SessionOptions::store_patience, so that what was submitted or
/// put, or the value of a task, found no place. The sentence names the store, how much of it is in use, and what to do.
/// It is thrown by submit() and put() when the store is known to be full, and else by `get`.
class StoreFullError : public Error {
 public:
  using Error::Error;
};

/// The task could never have ended: it waited for a future that waited, through others perhaps, for the task; or for
/// one that needs what the task itself, or others that wait like it, kept meanwhile: a GPU, memory. The sentence spells
/// out who waits for whom. All tasks of such a circle fail with it after a second or two. Waits with a timeout
/// (Future::get_for) make no deadlock.
class DeadlockError : public Error {
 public:
  using Error::Error;
};

/// The program could not be started on a worker, ended there before its Session line, or differs from the one that
/// submitted the task.
class ProgramError : public Error {
 public:
  using Error::Error;
};

/// submit() with Options::detached: another detached future of the cluster has that name.
class NameTakenError : public Error {
 public:
  using Error::Error;
};

/// find(): the cluster has no detached future of that name. It was never submitted, or was released.
class NotFoundError : public Error {
 public:
  using Error::Error;
};

/// The task was cancelled, by Future::cancel.
class CancelledError : public Error {
 public:
  using Error::Error;
};

/// The value was freed, by Future::release or because the scope that the future belonged to has ended.
class ReleasedError : public Error {
 public:
  using Error::Error;
};

/// No worker of the cluster could ever meet the task's requirements, and Options::fail_if_unschedulable was set.
class UnschedulableError : public Error {
 public:
  using Error::Error;
};

/// A task ran and failed. It is thrown wherever its value is asked for, as often as that is done.
///
/// When the task threw a standard exception that can be made of a text (not std::system_error, say), or one of most of
/// those here, a copy of it is nested: `std::rethrow_if_nested(error)` throws that one, and original() holds it.
///
/// Copies share what they know. Thread-safe.
class RemoteError : public Error {
 public:
  // For Morrow's own use, which alone can make a Failure: the reference leaves it out.
  /// \cond
  explicit RemoteError(std::shared_ptr<const detail::Failure> failure);
  /// \endcond

  /// The type of the exception, as the compiler writes it: "std::out_of_range". Empty when the task threw none.
  const std::string& type() const noexcept;
  /// What the exception said, 16 kB of it at the most.
  const std::string& message() const noexcept;
  /// The stack of the throw: a line for each frame, the innermost first; empty when it is not known.
  ///
  /// The text is made at each call, which is slow. Files and lines need a program that is built with `-g1` or more; the
  /// CMake target `morrow::morrow` sets that.
  std::string stack() const;
  /// The name of the worker that ran the task.
  const std::string& worker() const noexcept;
  /// The attempt that failed, counted from 1.
  std::uint32_t attempt() const noexcept;
  /// Options::name of the task, or else the name of its function.
  const std::string& task() const noexcept;
  /// The place where the task was submitted: "file:line".
  const std::string& where() const noexcept;
  /// A copy of the exception that the task threw, when it could be made; else null.
  std::exception_ptr original() const noexcept;

  // For the classes below.
  /// \cond
 protected:
  const detail::Failure& failure() const noexcept { return *failure_; }
  /// \endcond

 private:
  std::shared_ptr<const detail::Failure> failure_;
};

/// The process of the task died of a signal, or left with exit(). stack() is the stack at the signal.
class TaskCrashed : public RemoteError {
 public:
  using RemoteError::RemoteError;
  /// The signal that killed the process, or whose handler left with exit(), as that of a sanitizer does. 0 when the
  /// process left by itself.
  int signal() const noexcept;
  /// The status that the process left with; 0 when a signal killed it.
  int exit_status() const noexcept;
};

/// The task ended its process at each of several attempts, so it is not tried any more: Options::max_retries says after
/// how many. signal(), exit_status() and stack() are those of the last one.
class PoisonedError : public TaskCrashed {
 public:
  using TaskCrashed::TaskCrashed;

  /// How one attempt ended.
  struct Attempt {
    std::uint32_t number = 0;  ///< from 1
    std::string worker;        ///< the name of the one that ran it
    int signal = 0;            ///< that killed the process, or 0
    int exit_status = 0;       ///< that the process left with, or 0
    std::string message;       ///< one sentence
    std::string stack;         ///< as RemoteError::stack; empty when it is not known
  };
  /// The attempts, oldest first; of very many only the last nine. The stacks are made at each call, which is slow.
  std::vector<Attempt> attempts() const;
};

/// The task used more memory than it asked for by Options::memory, or the machine had none left and the kernel ended
/// the task's process. The sentence says which, and what the largest of its neighbours used. The first is not retried,
/// the second is, as a crash. signal() is that of SIGKILL.
class OutOfMemoryError : public TaskCrashed {
 public:
  using TaskCrashed::TaskCrashed;
  /// Bytes of memory that the task asked for.
  std::uint64_t asked() const noexcept;
  /// Bytes of memory that it used, with what it had started; 0 when that is not known.
  std::uint64_t used() const noexcept;
};

/// The task ran out of stack, by a recursion without end or by waits that were nested too deep. It is not retried.
class StackOverflowError : public TaskCrashed {
 public:
  using TaskCrashed::TaskCrashed;
};

/// The task ran longer than Options::timeout. It is retried only with Options::retry_timeouts. (Future::get_for does
/// not throw this when its own time is over: it returns nothing.)
class TimeoutError : public RemoteError {
 public:
  using RemoteError::RemoteError;
};

/// A future that the task depends on failed, so the task never ran. Type, message, stack and the rest are those of the
/// failure that was first.
class DependencyError : public RemoteError {
 public:
  using RemoteError::RemoteError;
};

/// \}

}  // namespace morrow
