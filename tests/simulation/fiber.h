// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>

namespace morrow::simulation {

/// A function with a stack of its own, which can stand still in its middle while others run: so transactions of many
/// workers interleave in one thread. Nothing runs at the same time.
class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  /// One that has not ended is unwound: its destructors run, by an exception out of `suspend`.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs it until it suspends or ends. \throws what the body threw
  void resume();
  bool ended() const { return ended_; }

  /// Gives back to who resumed the fiber that runs now. Not inside a catch block or a destructor.
  static void suspend();
  static bool inside() { return current != nullptr; }

 private:
  struct Unwind {};
  struct Stack;
  static void enter();
  void switch_in();
  void switch_out();

  static inline Fiber* current = nullptr;

  std::function<void()> body_;
  std::unique_ptr<Stack> stack_;
  ucontext_t own_{};
  ucontext_t caller_{};
  jmp_buf own_jump_{};
  jmp_buf caller_jump_{};
  Fiber* below_ = nullptr;
  void* fake_stack_ = nullptr;  // of AddressSanitizer
  void* caller_fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  std::size_t caller_size_ = 0;
  std::exception_ptr failed_;
  bool begun_ = false;
  bool entered_ = false;
  bool unwinding_ = false;
  bool ended_ = false;
};

}  // namespace morrow::simulation
