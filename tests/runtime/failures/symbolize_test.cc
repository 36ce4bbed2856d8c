// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <morrow/detail/call.h>
#include <morrow/detail/stack_frame.h>

#include "runtime/failures/throw_stack.h"
#include "runtime/image/manifest.h"
#include "runtime/image/numbering.h"
#include "tests/runtime/image/support.h"

namespace morrow::runtime {
namespace user {

constexpr int kLineOfThrow = __LINE__ + 1;
[[gnu::noinline]] void throw_here(void*) { throw std::runtime_error("here"); }

}  // namespace user
}  // namespace morrow::runtime

namespace users {

// Outside of Morrow's namespaces, as a user's code is: where nothing is inlined, its own frame ends the trimming.
int task() {
  morrow::runtime::user::throw_here(nullptr);
  return 1;
}

}  // namespace users

namespace morrow::runtime {
namespace {

std::vector<detail::StackFrame> frames_of_throw() {
  CapturedException captured;
  EXPECT_FALSE(run_capturing(user::throw_here, nullptr, captured));
  return captured.frames;
}

TEST(Symbolize, GivesFunctionFileAndLineOfTheThrow) {
  make_manifest();
  const std::string text = detail::symbolize(frames_of_throw());
  const std::string first = text.substr(0, text.find('\n'));
  EXPECT_TRUE(first.starts_with("#0 morrow::runtime::user::throw_here(void*) at ")) << text;
  EXPECT_EQ(first, text) << "the caller of the function is no part of the stack";
  EXPECT_TRUE(first.ends_with("symbolize_test.cc:" + std::to_string(user::kLineOfThrow))) << text;
}

// What a task is: a lambda, called by what was made for its arguments.
template <class F>
CapturedException thrown_by_task(F) {
  using Task = typename detail::MakeCall<F, std::index_sequence<>>::type;
  const auto body = [](void*) {
    detail::Result result;
    Task::run({}, result);
  };
  CapturedException captured;
  EXPECT_FALSE(run_capturing(body, nullptr, captured));
  return captured;
}

TEST(Symbolize, ATaskShowsTheUsersFramesAlone) {
  make_manifest();
  const CapturedException captured = thrown_by_task([] { return users::task(); });
  const std::string text = detail::symbolize(captured.frames);
  EXPECT_TRUE(text.starts_with("#0 morrow::runtime::user::throw_here(void*) at ")) << text;
  EXPECT_EQ(text.find("CallOf<"), std::string::npos) << text;
  EXPECT_EQ(text.find("std::__invoke"), std::string::npos) << text;
  EXPECT_EQ(text.find("run_capturing"), std::string::npos) << text;
}

TEST(Symbolize, NamesTheModuleOfALibrarysFunction) {
  const Loaded plugin(PLUGIN_ONE);
  make_manifest();
  const auto address = reinterpret_cast<std::uintptr_t>(plugin.function("plugin_answer"));
  const std::vector<detail::StackFrame> frames{frame_of(*numbering(), address)};
  const std::string text = detail::symbolize(frames);
  EXPECT_TRUE(text.starts_with("#0 plugin_answer")) << text;
  EXPECT_NE(text.find("(libimage_plugin_one.so)"), std::string::npos) << text;
}

TEST(Symbolize, ALibraryLoadedAfterTheFirstLookIsReadToo) {
  detail::symbolize(frames_of_throw());
  const Loaded plugin(PLUGIN_TWO);
  make_manifest();
  const auto address = reinterpret_cast<std::uintptr_t>(plugin.function("plugin_answer"));
  const std::vector<detail::StackFrame> frames{frame_of(*numbering(), address)};
  EXPECT_TRUE(detail::symbolize(frames).starts_with("#0 plugin_answer"));
}

TEST(Symbolize, FramesThatNameNothingHereStillGiveALine) {
  make_manifest();
  const std::vector<detail::StackFrame> frames{{kUnknownModule, 4711}, {0, 1ull << 60}, {100'000, 1}};
  const std::string text = detail::symbolize(frames);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_EQ(detail::symbolize({}), "");
}

TEST(Symbolize, MayBeAskedByManyThreads) {
  make_manifest();
  const std::vector<detail::StackFrame> frames = frames_of_throw();
  const std::string expected = detail::symbolize(frames);
  std::vector<std::thread> threads;
  std::vector<int> same(4);
  for (int& mine : same) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) mine += detail::symbolize(frames) == expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(same, (std::vector<int>{20, 20, 20, 20}));
}

}  // namespace
}  // namespace morrow::runtime
