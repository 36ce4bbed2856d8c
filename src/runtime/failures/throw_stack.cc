// SPDX-License-Identifier: Apache-2.0
#include "runtime/failures/throw_stack.h"

#include <cxxabi.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>

#include <morrow/error.h>

#include "base/demangle.h"
#include "runtime/failures/standard_error.h"
#include "runtime/image/numbering.h"

// The problem: RemoteError shows the stack of the throw, but when an exception is caught its stack is gone. To replace
// __cxa_throw would cost every throw that the user's code catches itself, and collide with sanitizers and with programs
// that do so too.
//
// The C++ runtime unwinds in two phases. The first one searches for a handler and leaves all frames standing: it asks
// the type_info of each catch clause on the way out, by the virtual function __do_catch, whether it takes the
// exception. So run_capturing has a clause for a type of ours, ThrowInterceptor, whose type_info is an object of our
// own class (throw_stack_hook.cc, since a file that sees the type has the compiler make its type_info). Asked, it
// records the stack and says no; the search goes on to the real handler. Throws that are caught further inside never
// come here and cost nothing.
//
// An exception that is thrown on is asked for again, so the last throw counts. Frames from the boundary outwards are
// ours; the first few, of the throwing machinery, are cut off (first_of_user). Runs nest, with one Capture each.
//
// Read the Itanium C++ ABI, Exception Handling, on the two phases. The technique is that of cpptrace.
namespace morrow::runtime {

/// Its key function is never defined, so its type_info is the one in throw_stack_hook.cc.
struct ThrowInterceptor {
  virtual ~ThrowInterceptor();
};

void record_throw() noexcept;

namespace {

constexpr std::size_t kMaxFrames = 128;
constexpr int kMaxNested = 16;

/// The stack of the last throw below one call of a task's function; calls may be nested.
struct Capture {
  std::uintptr_t boundary = 0;  ///< frames from here outwards belong to the caller of run_capturing
  std::array<std::uintptr_t, kMaxFrames> addresses{};
  std::size_t count = 0;
  Capture* below = nullptr;
};

thread_local Capture* current = nullptr;

_Unwind_Reason_Code step(_Unwind_Context* context, void* data) {
  auto& capture = *static_cast<Capture*>(data);
  if (_Unwind_GetCFA(context) > capture.boundary || capture.count == kMaxFrames) return _URC_END_OF_STACK;
  int before_instruction = 0;
  std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (before_instruction == 0 && address != 0) --address;  // a return address: the call stands before it
  capture.addresses[capture.count++] = address;
  return _URC_NO_REASON;
}

/// Without the classes that stand around the one which was thrown: of std::throw_with_nested, and of a copy of ours.
std::string name_of(const std::type_info* type) {
  if (type == nullptr) return "an exception of another language";
  std::string name = base::name_of_type(*type);
  for (const std::string_view around : {"std::_Nested_exception<", "morrow::runtime::Again<"}) {
    if (!name.starts_with(around) || !name.ends_with('>')) continue;
    name = name.substr(around.size(), name.size() - around.size() - 1);
    while (name.ends_with(' ')) name.pop_back();
  }
  // As it is written in a program.
  if (name == "std::__ios_failure") return "std::ios_base::failure";
  constexpr std::string_view kVersion = "__cxx11::";
  if (name.starts_with("std::")) {
    if (const std::size_t at = name.find(kVersion); at != std::string::npos) name.erase(at, kVersion.size());
  }
  return name;
}

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::string message_of(const std::exception& error, int depth = 0) {
  std::string message = text_of(error.what());
  // What is nested in the failure of another task says the same once more.
  if (depth == kMaxNested || dynamic_cast<const RemoteError*>(&error) != nullptr) return message;
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& nested) {
    message.append(": ").append(message_of(nested, depth + 1));
  } catch (const std::string& text) {
    message.append(": ").append(text);
  } catch (const char* text) {
    message.append(": ").append(text_of(text));
  } catch (...) {
    message.append(": ").append(name_of(abi::__cxa_current_exception_type()));
  }
  return message;
}

template <class Number>
bool number_is_current(std::string& text) {
  try {
    throw;
  } catch (const Number& value) {
    text = std::to_string(value);
    return true;
  } catch (...) {
    return false;
  }
}

template <class... Numbers>
std::string current_number() {
  std::string text;
  static_cast<void>((number_is_current<Numbers>(text) || ...));
  return text;
}

// The message of the exception that is being handled; empty when it has none that can be read.
std::string current_message() {
  try {
    throw;
  } catch (const std::exception& error) {
    return message_of(error);
  } catch (const std::string& text) {
    return text;
  } catch (const std::string_view& text) {
    return std::string(text);
  } catch (const char* text) {
    return text_of(text);
  } catch (bool value) {
    return value ? "true" : "false";
  } catch (char value) {
    return {value};
  } catch (...) {
    return current_number<int, unsigned, long, unsigned long, long long, unsigned long long, double, float>();
  }
}

bool is_throw_function(std::uintptr_t address) {
  const void* const function = _Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address));
  return function == reinterpret_cast<void*>(&abi::__cxa_throw) ||
         function == reinterpret_cast<void*>(&abi::__cxa_rethrow) ||
         function == reinterpret_cast<void*>(&std::rethrow_exception);
}

// The throwing function: the first frame behind the throwing machinery, which is a few frames deep.
std::size_t first_of_user(const Capture& capture) {
  constexpr std::size_t kMachinery = 12;
  std::size_t first = 0;
  for (std::size_t i = 0; i < std::min(capture.count, kMachinery); ++i) {
    if (is_throw_function(capture.addresses[i])) first = i + 1;
  }
  return first;
}

void describe(const Capture& capture, CapturedException& captured) {
  captured.exception = std::current_exception();
  captured.type = name_of(abi::__cxa_current_exception_type());
  captured.message = current_message();
  captured.standard = standard_of_current();
  captured.frames.clear();
  const auto numbers = numbering();
  for (std::size_t i = first_of_user(capture); i < capture.count; ++i) {
    captured.frames.push_back(frame_of(*numbers, capture.addresses[i]));
  }
}

/// Makes a capture the current one of this thread for as long as it lives.
struct CaptureScope {
  explicit CaptureScope(Capture& capture) { capture.below = std::exchange(current, &capture); }
  ~CaptureScope() { current = current->below; }
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;
};

}  // namespace

void record_throw() noexcept {
  if (current == nullptr) return;
  current->count = 0;
  _Unwind_Backtrace(step, current);
}

// A forced unwind has no object, so the reference to it is null.
__attribute__((noinline, no_sanitize("null"))) bool run_capturing(void (*body)(void*), void* argument,
                                                                  CapturedException& captured) {
  Capture capture;
  // The CFA of a frame, as the unwinder calls it, is its stack pointer: this frame's own and all inside are below.
  capture.boundary = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) + sizeof(void*);
  const CaptureScope scope(capture);
  try {
    try {
      body(argument);
      return true;
    } catch (const ThrowInterceptor&) {  // never: it only looks
    }
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    try {
      describe(capture, captured);
    } catch (...) {
      captured.message = "(no memory)";  // the failure is told all the same
    }
  }
  return false;
}

}  // namespace morrow::runtime
