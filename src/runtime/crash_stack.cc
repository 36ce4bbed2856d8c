#include "runtime/crash_stack.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <unwind.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/modules.h"
#include "wire/crash_record.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kAlternateStack = 128 << 10;
constexpr std::size_t kNearTheEnd = 256 << 10;  // a big frame may jump over the guard page
constexpr std::array<int, 5> kSignals{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

int record_file = -1;
std::uintptr_t stack_low = 0;
std::atomic_flag crashed = ATOMIC_FLAG_INIT;

struct Walk {
  wire::CrashRecord* record;
  bool at_fault;            ///< past the frames of the handler
  std::uintptr_t fault_ip;
};

_Unwind_Reason_Code step(_Unwind_Context* context, void* data) {
  auto& walk = *static_cast<Walk*>(data);
  if (walk.record->count == wire::CrashRecord::kMaxFrames) return _URC_END_OF_STACK;
  int before_instruction = 0;
  std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  // The frame that the signal came to is marked: what stands before it is the handler's.
  walk.at_fault = walk.at_fault || before_instruction != 0;
  if (!walk.at_fault) return _URC_NO_REASON;
  if (before_instruction == 0 && address != 0) --address;
  if (const auto place = frozen_place_of(address)) {
    walk.record->frames[walk.record->count++] = {place->module, place->offset};
  }
  return _URC_NO_REASON;
}

// Only what is allowed in a signal handler: no lock, no allocation.
void on_crash(int signal, siginfo_t* info, void*) {
  if (!crashed.test_and_set()) {
    static wire::CrashRecord record;
    record.signal = signal;
    record.address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    const bool fault = (signal == SIGSEGV || signal == SIGBUS) && info->si_code > 0;
    const std::uintptr_t address = record.address;
    record.stack_overflow = fault && stack_low != 0 && address < stack_low + kNearTheEnd && address + kNearTheEnd > stack_low ? 1 : 0;
    Walk walk{&record, false, 0};
    _Unwind_Backtrace(step, &walk);
    const std::size_t bytes = offsetof(wire::CrashRecord, frames) + record.count * sizeof(wire::CrashRecord::Frame);
    [[maybe_unused]] const ssize_t written = write(record_file, &record, bytes);
  }
  // The default action, by the same signal.
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  sigaction(signal, &fallback, nullptr);
  raise(signal);
}

void find_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  if (pthread_attr_getstack(&attributes, &low, &size) == 0) stack_low = reinterpret_cast<std::uintptr_t>(low);
  pthread_attr_destroy(&attributes);
}

_Unwind_Reason_Code nothing(_Unwind_Context*, void*) { return _URC_NO_REASON; }

}  // namespace

void install_crash_handlers(int file) {
  record_file = file;
  freeze_modules();
  find_stack();
  _Unwind_Backtrace(nothing, nullptr);  // loads and allocates what it needs now, not in the handler
  stack_t alternate{};
  alternate.ss_size = kAlternateStack;
  alternate.ss_sp = mmap(nullptr, kAlternateStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (alternate.ss_sp != MAP_FAILED) sigaltstack(&alternate, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) sigaction(signal, &action, nullptr);
}

}  // namespace morrow::runtime
