// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <vector>

#include <morrow/detail/failure.h>
#include <morrow/detail/stack_frame.h>

namespace morrow::runtime {

/// An exception that left a function, with the stack of its throw.
struct CapturedException {
  std::string type;                ///< demangled
  std::string message;             ///< what(), with those nested in it; or the value where it is a number or a text
  detail::StandardError standard;  ///< that it is, or derives from
  /// Of the throw (of the last one, when it was thrown on), innermost first, up to the function that was run; at most
  /// 128. Each lies within the call, not behind it.
  std::vector<detail::StackFrame> frames;
  std::exception_ptr exception;
};

/// Runs `body(argument)`. False when an exception left it, which is then in `captured`. Throws caught inside cost
/// nothing. A forced unwind (pthread_exit) passes through. May be nested, and run in several threads.
///
/// How: the search phase of a throw asks each catch clause's type_info whether it wants the exception, while the frames
/// of the throw still stand. A clause whose type_info is our own records them and says no (the technique of cpptrace).
bool run_capturing(void (*body)(void*), void* argument, CapturedException& captured);

}  // namespace morrow::runtime
