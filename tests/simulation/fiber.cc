// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/fiber.h"

#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace morrow::simulation {
namespace {

constexpr std::size_t kStackBytes = 256 << 10;

}  // namespace

/// Stacks are used again: making one costs more than a short run on it.
struct Fiber::Stack {
  std::unique_ptr<std::byte[]> memory;
  static inline std::vector<std::unique_ptr<Stack>> spare;

  static std::unique_ptr<Stack> take() {
    if (spare.empty()) return std::make_unique<Stack>(Stack{std::unique_ptr<std::byte[]>(new std::byte[kStackBytes])});
    auto stack = std::move(spare.back());
    spare.pop_back();
    return stack;
  }
};

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(Stack::take()) {
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_->memory.get();
  own_.uc_stack.ss_size = kStackBytes;
  own_.uc_link = nullptr;
  makecontext(&own_, &Fiber::enter, 0);
}

Fiber::~Fiber() {
  if (begun_ && !ended_) {
    unwinding_ = true;
    switch_in();
  }
  Stack::spare.push_back(std::move(stack_));
}

void Fiber::resume() {
  if (ended_) return;
  begun_ = true;
  switch_in();
  if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
}

void Fiber::suspend() {
  Fiber& self = *current;
  self.switch_out();
  if (self.unwinding_) throw Unwind{};
}

void Fiber::enter() {
  Fiber& self = *current;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self.caller_stack_, &self.caller_size_);
#endif
  try {
    self.body_();
  } catch (const Unwind&) {
  } catch (...) {
    self.failed_ = std::current_exception();
  }
  self.ended_ = true;
  self.switch_out();
}

#if defined(__SANITIZE_ADDRESS__)
void Fiber::switch_in() {
  below_ = std::exchange(current, this);
  __sanitizer_start_switch_fiber(&caller_fake_stack_, stack_->memory.get(), kStackBytes);
  swapcontext(&caller_, &own_);
  __sanitizer_finish_switch_fiber(caller_fake_stack_, nullptr, nullptr);
}

void Fiber::switch_out() {
  current = below_;
  __sanitizer_start_switch_fiber(ended_ ? nullptr : &fake_stack_, caller_stack_, caller_size_);
  swapcontext(&own_, &caller_);
  __sanitizer_finish_switch_fiber(fake_stack_, &caller_stack_, &caller_size_);
}
#else
// Only the first switch is one of ucontext: that calls the kernel each time.
void Fiber::switch_in() {
  below_ = std::exchange(current, this);
  if (_setjmp(caller_jump_) != 0) return;
  if (std::exchange(entered_, true)) _longjmp(own_jump_, 1);
  setcontext(&own_);
}

void Fiber::switch_out() {
  current = below_;
  if (_setjmp(own_jump_) == 0) _longjmp(caller_jump_, 1);
}
#endif

}  // namespace morrow::simulation
