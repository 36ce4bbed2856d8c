// SPDX-License-Identifier: Apache-2.0
#include "base/invariant.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/base/expect_abort.h"

namespace morrow::base {
namespace {

enum class Color : std::uint8_t { kRed, kBlue };

struct Point {
  int x;
  int y;
};
std::ostream& operator<<(std::ostream& out, const Point& point) { return out << point.x << '/' << point.y; }

struct Untellable {};
std::ostream& operator<<(std::ostream&, const Untellable&) { throw std::runtime_error("no words for it"); }

struct BrokenItself {};
std::ostream& operator<<(std::ostream& out, const BrokenItself&) {
  MORROW_INVARIANT(out.bad(), "the inner one");
  return out;
}

constexpr int half(int even) {
  MORROW_INVARIANT(even % 2 == 0, "an even number is halved", even);
  return even / 2;
}
static_assert(half(4) == 2);

// Not inlined nor called last, so that they have frames of their own.
[[gnu::noinline]] int innermost_of_the_stack(int number) {
  MORROW_INVARIANT(number > 0, "numbers are positive", number);
  return number;
}
[[gnu::noinline]] int outer_of_the_stack(int number) { return innermost_of_the_stack(number - 1) + 1; }

void say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
}

/// The next line that goes to standard error after `start`.
std::string line_on_stderr(void (*start)()) {
  int ends[2] = {-1, -1};
  const int before = dup(STDERR_FILENO);
  if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) return "";
  start();
  std::string line;
  char letter = 0;
  while (letter != '\n' && read(ends[0], &letter, 1) == 1) line += letter;
  dup2(before, STDERR_FILENO);
  return line;
}

TEST(Invariant, AHoldingOneLooksAtNoValue) {
  int looked = 0;
  const auto look = [&looked] { return ++looked; };
  MORROW_INVARIANT(look() == 1, "it is looked at once", look());
  EXPECT_EQ(looked, 1);
}

TEST(Invariant, IsAnExpression) {
  const int three = (MORROW_INVARIANT(true, "true holds"), 3);
  EXPECT_EQ(three, 3);
}

TEST(InvariantDeathTest, SaysTheSentenceTheConditionTheValuesAndThePlace) {
  const int count = 3;
  const std::string name = "sum";
  EXPECT_ABORT(
      MORROW_INVARIANT(count < 2, "no more than one is there", count, name),
      "no more than one is there; count < 2 is false; count = 3, name = \"sum\"; at .*invariant_test\\.cc:[0-9]+");
}

TEST(InvariantDeathTest, SaysASentenceWithNoValues) {
  EXPECT_ABORT(MORROW_INVARIANT(1 > 2, "one is more"), "one is more; 1 > 2 is false; at ");
}

TEST(InvariantDeathTest, SaysValuesOfAllKinds) {
  const std::int64_t low = -5;
  const std::uint64_t high = ~0ULL;
  const bool yes = true;
  const double part = 0.5;
  const Color color = Color::kBlue;
  const int* const nowhere = nullptr;
  const char* const no_text = nullptr;
  const void* const somewhere = reinterpret_cast<const void*>(0x1234);
  const char letter = 'A';
  const Point point{1, 2};
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", low, high, yes, part, color),
               "low = -5, high = 18446744073709551615, yes = true, part = 0.5, color = 1; at");
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", nowhere, no_text, somewhere, letter, point, nullptr),
               "nowhere = null, no_text = null, somewhere = 0x1234, letter = 65, point = 1/2, nullptr = null; at");
}

TEST(InvariantDeathTest, SaysBytesThatAreNoTextAndCutsLongOnes) {
  const std::string key("k\0\"\xff", 4);
  const std::string large(1000, 'x');
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", key), "key = \"k..00..22..ff\"; at");
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", large), "large = \"x{200}\"\\.\\.\\. of 1000 bytes; at");
}

TEST(InvariantDeathTest, NamesTheValuesWhereCommasStandInThem) {
  const auto sum = [](int a, int b) { return a + b; };
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", sum(1, 2), std::string(",\",").size(), ',', 1'000),
               "sum\\(1, 2\\) = 3, std::string\\(.*\\)\\.size\\(\\) = 3, ',' = 44, 1'000 = 1000; at");
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", (std::max<int>(1, 2)), std::is_same_v<int, long>),
               "all; false is false; 2, false; at");
}

TEST(InvariantDeathTest, CutsAReportThatIsTooLong) {
  const std::string sentence(100'000, 's');
  EXPECT_ABORT(MORROW_INVARIANT(false, sentence), "process: s{4000}");
}

TEST(InvariantDeathTest, SaysTheStackFromTheFunctionThatBrokeIt) {
  EXPECT_ABORT(outer_of_the_stack(1),
               "\n#0 [^\n]*innermost_of_the_stack[^\n]*invariant_test\\.cc:[0-9]+\n(#1 [^\n]*\n)?#[12] "
               "[^\n]*outer_of_the_stack");
}

TEST(InvariantDeathTest, UnreachableSaysItsSentence) {
  const int kind = 9;
  EXPECT_ABORT(MORROW_UNREACHABLE("every kind has its case", kind), "every kind has its case; kind = 9; at ");
}

TEST(InvariantDeathTest, TheHookGetsTheSentenceAndThenTheStack) {
  const auto dies = [] {
    set_invariant_report([](std::string_view part) noexcept { say("{" + std::string(part) + "}"); });
    outer_of_the_stack(1);
  };
  EXPECT_ABORT(dies(),
               "^\\{broken invariant[^}]*numbers are positive[^}]*; at [^}]*\\}\\{#0 [^\n]*innermost_of_the_stack");
}

TEST(InvariantDeathTest, WithoutAHookItGoesToStandardErrorAgain) {
  const auto dies = [] {
    set_invariant_report([](std::string_view) noexcept {});
    set_invariant_report(nullptr);
    outer_of_the_stack(1);
  };
  EXPECT_ABORT(dies(), "^broken invariant");
}

TEST(InvariantDeathTest, AFailureWithinAFailureEndsTheProcess) {
  const auto hook_fails = [] {
    set_invariant_report([](std::string_view) noexcept { MORROW_UNREACHABLE("the hook fails too"); });
    MORROW_UNREACHABLE("the first");
  };
  EXPECT_ABORT(hook_fails(), "^an invariant is broken while a broken one is reported: the hook fails too\n$");
  EXPECT_ABORT(MORROW_INVARIANT(false, "the outer one", BrokenItself()), "is reported: the inner one\n$");
}

TEST(InvariantDeathTest, AValueThatCannotBeToldIsPassedOver) {
  EXPECT_ABORT(MORROW_INVARIANT(false, "all", Untellable(), 2), "Untellable\\(\\) = \\(no words for it\\), 2 = 2; at");
}

TEST(InvariantDeathTest, OfTwoThreadsTheFirstReportsWhileTheOtherWaits) {
  const auto dies = [] {
    set_invariant_report([](std::string_view part) noexcept {
      static bool first = true;
      if (!std::exchange(first, false)) return;
      say(line_on_stderr([] { std::thread([] { MORROW_UNREACHABLE("that of the other"); }).detach(); }));
      say(part);
    });
    MORROW_UNREACHABLE("that of the first");
  };
  EXPECT_ABORT(dies(), "in another thread too: that of the other\n.*that of the first; at ");
}

}  // namespace
}  // namespace morrow::base
