// SPDX-License-Identifier: Apache-2.0
#include "runtime/failures/crash_stack.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <morrow/detail/stack_frame.h>

#include "runtime/image/manifest.h"
#include "wire/crash_record.h"

// The crashes are meant: the sanitizers must not stop them before.
#define CRASHES [[gnu::noinline, gnu::no_sanitize("undefined"), gnu::no_sanitize("address")]]

namespace morrow::runtime {
namespace crashing {

int* volatile nowhere = nullptr;
volatile int zero = 0;
void (*volatile no_function)() = nullptr;

CRASHES void write_nowhere() {
  *nowhere = 1;
  asm volatile("");
}

CRASHES void divide_by_zero() {
  zero = 7 / zero;
  asm volatile("");
}

CRASHES void call_nowhere() {
  no_function();
  asm volatile("");
}

CRASHES void give_up() { std::abort(); }

volatile int deepest = 1 << 30;

CRASHES int recurse(int depth) {
  volatile char room[512];
  room[depth % 512] = 1;
  const int below = depth < deepest ? recurse(depth + 1) : 0;
  return below + room[0];
}

CRASHES int use_a_huge_frame() {
  volatile char room[16 << 20];
  room[0] = 1;
  return room[0];
}

}  // namespace crashing

namespace {

struct Crash {
  int status = 0;
  std::optional<wire::CrashRecord> record;

  std::string stack() const {
    std::vector<detail::StackFrame> frames;
    for (std::uint32_t i = 0; record && i < record->count; ++i) {
      frames.push_back({static_cast<std::uint32_t>(record->frames[i].module), record->frames[i].offset});
    }
    return detail::symbolize(frames);
  }
};

void use_default_actions() {
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) signal(number, SIG_DFL);
}

// Runs the body in a child with the handlers installed; `before` runs ahead of them.
Crash crash(const std::function<void()>& body, const std::function<void()>& before = use_default_actions) {
  constexpr off_t kAt = 4096;
  make_manifest();
  const int file = memfd_create("crash", MFD_CLOEXEC);
  EXPECT_GE(file, 0);
  EXPECT_EQ(ftruncate(file, 16384), 0);
  EXPECT_EQ(lseek(file, kAt, SEEK_SET), kAt);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    before();
    install_crash_handlers(file);
    body();
    _exit(0);
  }
  Crash result;
  EXPECT_EQ(waitpid(child, &result.status, 0), child);
  std::string bytes(16384 - kAt, '\0');
  EXPECT_EQ(pread(file, bytes.data(), bytes.size(), kAt), static_cast<ssize_t>(bytes.size()));
  result.record = wire::CrashRecord::read(bytes);
  close(file);
  return result;
}

void expect_crash(const Crash& crash, int signal, const std::string& function) {
  EXPECT_TRUE(WIFSIGNALED(crash.status) && WTERMSIG(crash.status) == signal) << crash.status;
  ASSERT_TRUE(crash.record);
  EXPECT_EQ(crash.record->signal, signal);
  EXPECT_EQ(crash.record->stack_overflow, 0u);
  EXPECT_NE(crash.stack().find("crashing::" + function + "("), std::string::npos) << crash.stack();
}

TEST(CrashStack, ASegmentationFaultTellsWhereAndWhatAddress) {
  const Crash segv = crash(crashing::write_nowhere);
  expect_crash(segv, SIGSEGV, "write_nowhere");
  EXPECT_EQ(segv.record->address, 0u);
  EXPECT_TRUE(segv.stack().starts_with("#0 morrow::runtime::crashing::write_nowhere() at ")) << segv.stack();
  EXPECT_NE(segv.stack().find("crash_stack_test.cc:"), std::string::npos) << segv.stack();
}

TEST(CrashStack, AnAbortTellsWhoCalledIt) { expect_crash(crash(crashing::give_up), SIGABRT, "give_up"); }

TEST(CrashStack, ADivisionByZeroTellsWhere) { expect_crash(crash(crashing::divide_by_zero), SIGFPE, "divide_by_zero"); }

TEST(CrashStack, ACallOfANullFunctionTellsTheCaller) {
  expect_crash(crash(crashing::call_nowhere), SIGSEGV, "call_nowhere");
}

TEST(CrashStack, ASignalFromOutsideIsNoFault) {
  const Crash sent = crash([] { kill(getpid(), SIGSEGV); });
  EXPECT_TRUE(WIFSIGNALED(sent.status) && WTERMSIG(sent.status) == SIGSEGV) << sent.status;
  ASSERT_TRUE(sent.record);
  EXPECT_EQ(sent.record->address, 0u);
  EXPECT_EQ(sent.record->stack_overflow, 0u);
}

TEST(CrashStack, AnEndlessRecursionIsToldAsAFullStack) {
  const Crash full = crash([] { crashing::recurse(0); });
  EXPECT_TRUE(WIFSIGNALED(full.status) && WTERMSIG(full.status) == SIGSEGV) << full.status;
  ASSERT_TRUE(full.record);
  EXPECT_EQ(full.record->stack_overflow, 1u);
  EXPECT_EQ(full.record->count, wire::CrashRecord::kMaxFrames);
  EXPECT_NE(full.stack().find("crashing::recurse("), std::string::npos) << full.stack();
}

TEST(CrashStack, AFrameLargerThanTheStackIsToldAsAFullStack) {
  const Crash full = crash([] { crashing::use_a_huge_frame(); });
  ASSERT_TRUE(full.record);
  EXPECT_EQ(full.record->stack_overflow, 1u);
}

TEST(CrashStack, ACrashInAnotherThreadIsTold) {
  expect_crash(crash([] { std::thread(crashing::write_nowhere).join(); }), SIGSEGV, "write_nowhere");
}

TEST(CrashStack, ManyThreadsThatCrashAtOnceLeaveOneWholeRecord) {
  const Crash many = crash([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back(crashing::write_nowhere);
    for (std::thread& thread : threads) thread.join();
  });
  expect_crash(many, SIGSEGV, "write_nowhere");
}

TEST(CrashStack, TheProgramsOwnHandlerRunsAsBefore) {
  const auto handler = [](int, siginfo_t* info, void*) { _exit(info->si_addr == nullptr ? 7 : 8); };
  const Crash handled = crash(crashing::write_nowhere, [handler] {
    struct sigaction action {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
  });
  EXPECT_TRUE(WIFEXITED(handled.status) && WEXITSTATUS(handled.status) == 7) << handled.status;
  ASSERT_TRUE(handled.record);
  EXPECT_NE(handled.stack().find("write_nowhere"), std::string::npos) << handled.stack();
}

TEST(CrashStack, AChildOfTheProcessLeavesNoRecord) {
  const Crash parent = crash([] {
    const pid_t child = fork();
    if (child == 0) crashing::write_nowhere();
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 3 : 4);
  });
  EXPECT_TRUE(WIFEXITED(parent.status) && WEXITSTATUS(parent.status) == 3) << parent.status;
  EXPECT_FALSE(parent.record);
}

TEST(CrashStack, ARunThatEndsWellLeavesNoRecord) {
  const Crash none = crash([] {});
  EXPECT_EQ(none.status, 0);
  EXPECT_FALSE(none.record);
}

TEST(CrashStack, TheRecordGoesThroughAPipeAsWell) {
  make_manifest();
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    use_default_actions();
    install_crash_handlers(ends[1]);
    crashing::write_nowhere();
  }
  close(ends[1]);
  std::string bytes;
  char piece[4096];
  for (ssize_t size = 0; (size = read(ends[0], piece, sizeof(piece))) > 0;) {
    bytes.append(piece, static_cast<std::size_t>(size));
  }
  close(ends[0]);
  Crash result{0, wire::CrashRecord::read(bytes)};
  ASSERT_EQ(waitpid(child, &result.status, 0), child);
  expect_crash(result, SIGSEGV, "write_nowhere");
}

}  // namespace
}  // namespace morrow::runtime
