// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include <morrow/detail/core.h>
#include <morrow/detail/stack_frame.h>

namespace morrow::detail {

/// Why a future failed. The numbers travel: never change one.
enum class FailureKind : std::uint8_t {
  kNone = 0,
  kException = 1,
  kCrash = 2,
  kTimeout = 3,
  kCancelled = 4,
  kReleased = 5,
  kDependency = 6,
  kUnschedulable = 7,
  kProgram = 8,
  kTooLarge = 9,
  kStackOverflow = 10,
  kNoRoom = 11,
  kLost = 12,
  kPoisoned = 13,
  kStoreFull = 14,
  kDeadlock = 15,
  kOutOfMemory = 16,
};

/// The standard exception that was thrown, or that the one which was thrown derives from: what it takes to make it
/// again in another process. Those of error.h count as standard.
struct StandardError {
  std::string name = {};      ///< "std::out_of_range"; empty: it is none
  int code = 0;               ///< of one that has a code
  std::string category = {};  ///< of that code; may be empty
  std::string path1 = {};     ///< of a std::filesystem::filesystem_error
  std::string path2 = {};
};

/// All that is known of a failure.
struct Failure {
  FailureKind kind = FailureKind::kNone;
  /// Of a kDependency failure: why the future failed that it started with. The fields below then describe that one.
  FailureKind root_kind = FailureKind::kNone;
  std::string type = {};                ///< of the exception, demangled
  std::string message = {};             ///< its what(), or a sentence that says what happened
  std::vector<StackFrame> frames = {};  ///< of the throw or the crash; innermost first
  std::string worker = {};
  std::uint32_t attempt = 0;          ///< from 1
  std::string task = {};              ///< its name, or its function's
  std::string where = {};             ///< file:line of the submit
  int signal = 0;                     ///< that killed the process; 0: none
  int exit_status = 0;                ///< of a process that exited by itself
  FutureId root = {};                 ///< of a kDependency failure: the future that failed first
  std::uint64_t asked_bytes = 0;      ///< of a kOutOfMemory failure: the memory that the task asked for
  std::uint64_t used_bytes = 0;       ///< and what it used; 0: not known
  std::vector<Failure> earlier = {};  ///< of a kPoisoned failure: the attempts before, oldest first
  StandardError standard = {};        ///< that `original` can be made of
  /// One at the most: the failure of another task, which this one met in a wait and let pass. When that threw, its type
  /// and message stand in this one alone, and its stack in that one.
  std::vector<Failure> passed = {};
};

/// Throws the class of error.h that `failure` stands for. A standard exception is nested in it as the original.
[[noreturn]] void throw_failure(const Failure& failure);

/// The failure of a task that this exception has left, when it is a RemoteError: it has the type, message and stack of
/// the failure that was first. Nothing when it is another exception.
std::optional<Failure> let_pass(const std::exception_ptr& exception);

}  // namespace morrow::detail
