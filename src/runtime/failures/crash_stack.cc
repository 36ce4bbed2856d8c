// SPDX-License-Identifier: Apache-2.0
#include "runtime/failures/crash_stack.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/image/numbering.h"
#include "wire/crash_record.h"

// The problem: a process that is about to die is to say where, with a stack. It does so in a signal handler: the heap
// may be damaged, any lock may be held, and the stack may be at its end. Then it must die as it would have, so that its
// exit status tells the signal and a handler of the user's still runs.
//
// All that can be is prepared when the handlers are installed. The table of code ranges is copied, as the loader's own
// is behind a lock. The unwinder runs once, so that it allocates then. The handler gets a stack of its own, with a
// guard. The record is plain memory (wire/crash_record.h) and goes out by write or pwrite.
//
// It is written twice: first with the faulting instruction alone, then with the whole stack, since to unwind a damaged
// stack may fault again. A second fault of the same thread finds `crashed` set and ends the process; another thread
// that crashes waits for the first one's end. A forked child leaves no record: `owner`.
//
// A full stack is told from a wild pointer by two addresses: both the fault and the stack pointer lie near its end.
//
// Read signal-safety(7) before you add a call between add_frame and on_crash.
namespace morrow::runtime {

namespace {

constexpr std::size_t kAlternateStack = 128 << 10;
constexpr std::size_t kGuard = 4096;
// A stack that is full faults near its end: a bit above it (the guard), or below it, where a large frame begins.
constexpr std::uintptr_t kAboveTheEnd = 64 << 10;
constexpr std::uintptr_t kBelowTheEnd = 64 << 20;
constexpr std::array<int, 5> kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/// A part of the code, for the handler: it can't ask the loader.
struct CodeRange {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::uintptr_t base;
  std::uint32_t module;
};

std::array<CodeRange, 1024> ranges;
std::size_t range_count = 0;
std::array<struct sigaction, kSignals.size()> previous;
wire::CrashRecord record;
int record_file = -1;
off_t record_at = -1;  // -1: the file is a pipe
pid_t owner = 0;
std::uintptr_t stack_low = 0;
std::atomic<pid_t> crashed{0};  // the thread that crashed first

void remember_code() {
  const auto numbers = numbering();
  range_count = 0;
  for (std::size_t i = 0; i < numbers->table->size(); ++i) {
    const LoadedModule& module = (*numbers->table)[i];
    for (const auto& part : module.code) {
      if (numbers->number_of[i] == kUnknownModule || range_count == ranges.size()) continue;
      ranges[range_count++] = {part.begin, part.end, module.base, numbers->number_of[i]};
    }
  }
}

void remember_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) stack_low = reinterpret_cast<std::uintptr_t>(low);
  pthread_attr_destroy(&attributes);
}

// From here to on_crash: only calls that are allowed in a signal handler, so no lock and no allocation.

void add_frame(std::uintptr_t address) {
  if (record.count == wire::CrashRecord::kMaxFrames) return;
  wire::CrashRecord::CrashedFrame& frame = record.frames[record.count++];
  frame = {kUnknownModule, address};
  for (std::size_t i = 0; i < range_count; ++i) {
    if (address < ranges[i].begin || address >= ranges[i].end) continue;
    frame = {ranges[i].module, address - ranges[i].base};
    return;
  }
}

/// Where the thread was when the signal came.
struct Registers {
  std::uintptr_t instruction = 0;
  std::uintptr_t stack = 0;
};

Registers registers_of(const void* context) {
  [[maybe_unused]] const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return {static_cast<std::uintptr_t>(machine.gregs[REG_RIP]), static_cast<std::uintptr_t>(machine.gregs[REG_RSP])};
#elif defined(__aarch64__)
  return {machine.pc, machine.sp};
#else
  return {};
#endif
}

_Unwind_Reason_Code step_from_fault(_Unwind_Context* context, void* data) {
  bool& at_fault = *static_cast<bool*>(data);
  int before_instruction = 0;
  const std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  // The frame that the signal came to is marked: those before it are the handler's.
  at_fault = at_fault || before_instruction != 0;
  if (at_fault && address != 0) add_frame(before_instruction != 0 ? address : address - 1);
  return record.count == wire::CrashRecord::kMaxFrames ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void write_record() {
  const auto* const bytes = reinterpret_cast<const char*>(&record);
  const std::size_t size = offsetof(wire::CrashRecord, frames) + record.count * sizeof(wire::CrashRecord::CrashedFrame);
  for (std::size_t at = 0; at < size;) {
    const ssize_t done = record_at < 0 ? write(record_file, bytes + at, size - at)
                                       : pwrite(record_file, bytes + at, size - at, record_at + static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    at += static_cast<std::size_t>(done);
  }
}

bool is_stack_end(std::uintptr_t address) {
  return stack_low != 0 && address < stack_low + kAboveTheEnd && address + kBelowTheEnd >= stack_low;
}

void fill_record(int signal, const siginfo_t& info, const Registers& at) {
  const bool fault = info.si_code > 0;  // not sent by somebody
  record.signal = signal;
  record.address = fault ? reinterpret_cast<std::uintptr_t>(info.si_addr) : 0;
  // The stack pointer must be at the end too: a wild pointer is no full stack.
  const bool full = is_stack_end(record.address) && (at.stack == 0 || is_stack_end(at.stack));
  record.stack_overflow = fault && (signal == SIGSEGV || signal == SIGBUS) && full ? 1 : 0;
  // Unwinding a damaged stack may fault again: where it happened is told before.
  if (at.instruction != 0) add_frame(at.instruction);
  if (record_at >= 0) write_record();
  record.count = 0;
  bool at_fault = false;
  _Unwind_Backtrace(step_from_fault, &at_fault);
  if (record.count <= 1 && at.stack != 0) {
    // A call to where no code is: the caller's address is the last that was pushed.
    std::uintptr_t caller = 0;
    std::memcpy(&caller, reinterpret_cast<const void*>(at.stack), sizeof(caller));
    record.count = 0;
    add_frame(at.instruction);
    if (record.frames[0].module == kUnknownModule) add_frame(caller - 1);
  }
  write_record();
}

void on_crash(int signal, siginfo_t* info, void* context) {
  const pid_t self = gettid();
  pid_t nobody = 0;
  if (getpid() == owner && crashed.compare_exchange_strong(nobody, self)) {
    fill_record(signal, *info, registers_of(context));
  } else if (getpid() == owner && nobody != self) {
    for (;;) pause();  // another thread is writing, and then ends the process
  }
  const auto place = std::find(kSignals.begin(), kSignals.end(), signal) - kSignals.begin();
  struct sigaction next = previous[static_cast<std::size_t>(place)];
  const bool handled = (next.sa_flags & SA_SIGINFO) != 0 || (next.sa_handler != SIG_DFL && next.sa_handler != SIG_IGN);
  if (!handled || nobody == self) {
    next = {};
    next.sa_handler = SIG_DFL;
  }
  sigaction(signal, &next, nullptr);
  // A fault happens again by itself when we return, with all that the program's own handler may want to know.
  if (!handled || info->si_code <= 0) raise(signal);
}

_Unwind_Reason_Code nothing(_Unwind_Context*, void*) { return _URC_NO_REASON; }

// Never given back: the thread that has it lives as long as the process.
void give_alternate_stack() {
  const std::size_t size = std::max(kAlternateStack, static_cast<std::size_t>(MINSIGSTKSZ) * 4);
  void* const memory =
      mmap(nullptr, size + kGuard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) return;
  mprotect(memory, kGuard, PROT_NONE);
  stack_t stack{};
  stack.ss_sp = static_cast<char*>(memory) + kGuard;
  stack.ss_size = size;
  sigaltstack(&stack, nullptr);
}

}  // namespace

void install_crash_handlers(int file) {
  record_file = file;
  record_at = lseek(file, 0, SEEK_CUR);
  owner = getpid();
  crashed = 0;
  remember_code();
  remember_stack();
  _Unwind_Backtrace(nothing, nullptr);  // its own loads and allocations happen now, not in the handler
  give_alternate_stack();
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction before {};
    sigaction(kSignals[i], &action, &before);
    const bool ours = (before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction == on_crash;
    if (!ours) previous[i] = before;
  }
}

}  // namespace morrow::runtime
