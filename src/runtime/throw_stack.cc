#include "runtime/throw_stack.h"

#include <cxxabi.h>
#include <unwind.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>

#include "runtime/modules.h"

namespace morrow::runtime {

/// Its key function is never defined, so its type_info is the one in throw_stack_hook.cc.
struct ThrowInterceptor {
  virtual ~ThrowInterceptor();
};

void record_throw() noexcept;

namespace {

constexpr std::size_t kMaxFrames = 128;

struct Capture {
  std::uintptr_t boundary = 0;  ///< frames from here outwards belong to who ran the function
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

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

std::string message_of(const std::exception& error) {
  std::string message = error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& nested) {
    message += ": " + message_of(nested);
  } catch (...) {
    message += ": an exception of another type";
  }
  return message;
}

// What an exception that is being handled says.
std::string current_message() {
  try {
    throw;
  } catch (const std::exception& error) {
    return message_of(error);
  } catch (const std::string& text) {
    return text;
  } catch (const char* text) {
    return text == nullptr ? "" : text;
  } catch (int value) {
    return std::to_string(value);
  } catch (long value) {
    return std::to_string(value);
  } catch (unsigned value) {
    return std::to_string(value);
  } catch (...) {
    return "";
  }
}

void describe(const Capture& capture, CapturedException& captured) {
  captured.exception = std::current_exception();
  const std::type_info* const type = abi::__cxa_current_exception_type();
  captured.type = type == nullptr ? "an exception of another language" : demangled(type->name());
  captured.frames.clear();
  for (std::size_t i = 0; i < capture.count; ++i) {
    if (const auto place = place_of(capture.addresses[i])) captured.frames.push_back({place->module, place->offset});
  }
  captured.message = current_message();
}

struct Entered {
  explicit Entered(Capture& capture) { capture.below = std::exchange(current, &capture); }
  ~Entered() { current = current->below; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

}  // namespace

void record_throw() noexcept {
  if (current == nullptr) return;
  current->count = 0;
  _Unwind_Backtrace(step, current);
}

__attribute__((noinline)) bool run_capturing(void (*body)(void*), void* argument, CapturedException& captured) {
  Capture capture;
  // The CFA of this frame is two words above its base: all inside stands below.
  capture.boundary = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) + sizeof(void*);
  const Entered entered(capture);
  try {
    try {
      body(argument);
      return true;
    } catch (const ThrowInterceptor&) {  // never: it only looks
    }
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (...) {
    describe(capture, captured);
  }
  return false;
}

}  // namespace morrow::runtime
