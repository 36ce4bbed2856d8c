// SPDX-License-Identifier: Apache-2.0
#include "runtime/failures/throw_stack.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <cerrno>
#include <exception>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <morrow/detail/stack_frame.h>

#include "runtime/image/manifest.h"

namespace morrow::runtime {
namespace throwing {

// Named functions that stay on the stack.
[[gnu::noinline]] void innermost(const std::function<void()>& body) {
  body();
  asm volatile("");
}

[[gnu::noinline]] void middle(const std::function<void()>& body) {
  innermost(body);
  asm volatile("");
}

[[gnu::noinline]] void other(const std::function<void()>& body) {
  body();
  asm volatile("");
}

}  // namespace throwing

namespace {

bool run(const std::function<void()>& body, CapturedException& captured) {
  const auto call = [](void* data) { (*static_cast<const std::function<void()>*>(data))(); };
  return run_capturing(call, const_cast<std::function<void()>*>(&body), captured);
}

CapturedException thrown_by(const std::function<void()>& body) {
  CapturedException captured;
  EXPECT_FALSE(run(body, captured));
  return captured;
}

std::string stack_of(const CapturedException& captured) { return detail::symbolize(captured.frames); }

TEST(ThrowStack, ACallThatReturnsCapturesNothing) {
  CapturedException captured;
  EXPECT_TRUE(run([] {}, captured));
  EXPECT_TRUE(captured.frames.empty());
  EXPECT_EQ(captured.exception, nullptr);
}

TEST(ThrowStack, HoldsWhoThrewAndWhoStoodBetween) {
  const CapturedException captured = thrown_by([] { throwing::middle([] { throw std::runtime_error("row 7"); }); });
  const std::string stack = stack_of(captured);
  const std::size_t innermost = stack.find("throwing::innermost(");
  ASSERT_NE(innermost, std::string::npos) << stack;
  EXPECT_NE(stack.find("throwing::middle(", innermost), std::string::npos) << stack;
  EXPECT_EQ(captured.type, "std::runtime_error");
  EXPECT_EQ(captured.message, "row 7");
  EXPECT_THROW(std::rethrow_exception(captured.exception), std::runtime_error);
}

TEST(ThrowStack, HoldsWhoThrewFromInsideTheStandardLibrary) {
  const CapturedException captured =
      thrown_by([] { throwing::middle([] { static_cast<void>(std::vector<int>(3).at(7)); }); });
  EXPECT_EQ(captured.type, "std::out_of_range");
  EXPECT_NE(stack_of(captured).find("throwing::middle("), std::string::npos) << stack_of(captured);
}

TEST(ThrowStack, AnyTypeIsTold) {
  struct Own {};
  EXPECT_EQ(thrown_by([] { throw 42; }).type, "int");
  EXPECT_EQ(thrown_by([] { throw 42; }).message, "42");
  EXPECT_EQ(thrown_by([] { throw 42ul; }).message, "42");
  EXPECT_EQ(thrown_by([] { throw true; }).message, "true");
  EXPECT_EQ(thrown_by([] { throw 'c'; }).message, "c");
  EXPECT_EQ(thrown_by([] { throw "text"; }).message, "text");
  EXPECT_EQ(thrown_by([] { throw static_cast<const char*>(nullptr); }).message, "");
  EXPECT_EQ(thrown_by([] { throw std::string("text"); }).message, "text");
  EXPECT_NE(thrown_by([] { throw Own(); }).type.find("Own"), std::string::npos);
  EXPECT_FALSE(thrown_by([] { throw Own(); }).frames.empty());
}

TEST(ThrowStack, NestedMessagesAreJoined) {
  const CapturedException captured = thrown_by([] {
    try {
      throw std::runtime_error("disk is gone");
    } catch (...) {
      std::throw_with_nested(std::logic_error("can't read"));
    }
  });
  EXPECT_EQ(captured.message, "can't read: disk is gone");
}

TEST(ThrowStack, AnExceptionThatIsThrownOnKeepsItsTypeAndMessage) {
  const CapturedException captured = thrown_by([] {
    throwing::middle([] {
      try {
        throw std::out_of_range("row 7");
      } catch (...) {
        throw;
      }
    });
  });
  EXPECT_EQ(captured.type, "std::out_of_range");
  EXPECT_EQ(captured.message, "row 7");
  EXPECT_NE(stack_of(captured).find("throwing::middle("), std::string::npos) << stack_of(captured);
  EXPECT_EQ(stack_of(captured).find("__cxa_rethrow"), std::string::npos) << stack_of(captured);
}

TEST(ThrowStack, EndsAtTheFunctionThatWasRun) {
  CapturedException captured;
  throwing::other([&] { run([] { throwing::middle([] { throw 1; }); }, captured); });
  const std::string stack = stack_of(captured);
  EXPECT_NE(stack.find("throwing::middle("), std::string::npos) << stack;
  EXPECT_EQ(stack.find("throwing::other("), std::string::npos) << stack;
}

TEST(ThrowStack, OneRunOnTopOfAnotherKeepsTheirStacksApart) {
  CapturedException inner;
  const CapturedException outer = thrown_by([&] {
    throwing::other([&] {
      run([] { throwing::middle([] { throw std::runtime_error("inner"); }); }, inner);
      throw std::logic_error("outer");
    });
  });
  EXPECT_EQ(inner.message, "inner");
  EXPECT_EQ(outer.message, "outer");
  EXPECT_NE(stack_of(inner).find("throwing::middle("), std::string::npos);
  EXPECT_EQ(stack_of(inner).find("throwing::other("), std::string::npos);
  EXPECT_NE(stack_of(outer).find("throwing::other("), std::string::npos);
  EXPECT_EQ(stack_of(outer).find("throwing::middle("), std::string::npos);
}

TEST(ThrowStack, ARunInADestructorDuringUnwindingDoesNotDisturbTheStack) {
  struct RunsAtItsEnd {
    ~RunsAtItsEnd() {
      CapturedException inner;
      run([] { throwing::other([] { throw std::runtime_error("inner"); }); }, inner);
      EXPECT_EQ(inner.message, "inner");
    }
  };
  const CapturedException outer = thrown_by([] {
    throwing::middle([] {
      const RunsAtItsEnd object;
      throw std::logic_error("outer");
    });
  });
  EXPECT_EQ(outer.message, "outer");
  EXPECT_NE(stack_of(outer).find("throwing::middle("), std::string::npos) << stack_of(outer);
  EXPECT_EQ(stack_of(outer).find("throwing::other("), std::string::npos) << stack_of(outer);
}

TEST(ThrowStack, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  std::vector<int> good(4);
  for (std::size_t i = 0; i < good.size(); ++i) {
    threads.emplace_back([&good, i] {
      const bool odd = i % 2 != 0;
      for (int round = 0; round < 50; ++round) {
        const CapturedException captured = thrown_by([odd, i] {
          const auto body = [i] { throw std::runtime_error(std::to_string(i)); };
          odd ? throwing::middle(body) : throwing::other(body);
        });
        const bool has_middle = stack_of(captured).find("throwing::middle(") != std::string::npos;
        good[i] += captured.message == std::to_string(i) && has_middle == odd;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, (std::vector<int>{50, 50, 50, 50}));
}

[[gnu::noinline]] int dive(int depth) {
  if (depth == 0) throw std::runtime_error("deep");
  const int below = dive(depth - 1);
  asm volatile("");
  return below + 1;
}

TEST(ThrowStack, ADeepRecursionKeepsTheInnermostFrames) {
  const CapturedException captured = thrown_by([] { dive(5'000); });
  EXPECT_GE(captured.frames.size(), 64u);
  EXPECT_LE(captured.frames.size(), 128u);
  EXPECT_NE(stack_of(captured).find("dive(int)"), std::string::npos) << stack_of(captured);
}

TEST(ThrowStack, TheEndOfAThreadPassesThrough) {
  bool captured_it = false;
  const auto body = [](void* data) -> void* {
    CapturedException captured;
    run([] { pthread_exit(nullptr); }, captured);
    *static_cast<bool*>(data) = true;
    return nullptr;
  };
  pthread_t thread{};
  ASSERT_EQ(pthread_create(&thread, nullptr, body, &captured_it), 0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  EXPECT_FALSE(captured_it);
}

TEST(ThrowStack, TheStandardExceptionThatATypeDerivesFromIsTold) {
  struct Row : std::out_of_range {
    Row() : std::out_of_range("row 7") {}
  };
  const CapturedException captured = thrown_by([] { throw Row(); });
  EXPECT_NE(captured.type.find("Row"), std::string::npos);
  EXPECT_EQ(captured.standard.name, "std::out_of_range");
  EXPECT_EQ(thrown_by([] { throw 42; }).standard.name, "");
  EXPECT_EQ(thrown_by([] { throw std::runtime_error("x"); }).standard.name, "std::runtime_error");
}

TEST(ThrowStack, ACodeAndPathsAreTold) {
  const CapturedException captured = thrown_by([] { static_cast<void>(std::filesystem::file_size("/no/such/file")); });
  EXPECT_EQ(captured.standard.name, "std::filesystem::filesystem_error");
  EXPECT_EQ(captured.standard.code, ENOENT);
  EXPECT_EQ(captured.standard.path1, "/no/such/file");
  EXPECT_FALSE(captured.standard.category.empty());
}

TEST(ThrowStack, WhatStandsAroundTheTypeThatWasThrownIsNotItsName) {
  const CapturedException captured = thrown_by([] {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      std::throw_with_nested(std::logic_error("outer"));
    }
  });
  EXPECT_EQ(captured.type, "std::logic_error");
  EXPECT_EQ(captured.message, "outer: inner");
  EXPECT_EQ(captured.standard.name, "std::logic_error");
}

}  // namespace
}  // namespace morrow::runtime
