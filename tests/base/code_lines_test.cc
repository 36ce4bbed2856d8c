// SPDX-License-Identifier: Apache-2.0
#include "base/code_lines.h"

#include <gtest/gtest.h>

namespace morrow::base {
namespace {

// Not inlined, so that it has a place of its own.
[[gnu::noinline]] std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) - 1; }

TEST(CodeLines, FindsTheFunctionAndItsLine) {
  const CodeLines code;
  const int line = __LINE__ + 1;
  const std::vector<CodeLine> found = code.at(here());
  ASSERT_FALSE(found.empty());
  EXPECT_TRUE(found.front().file.ends_with("code_lines_test.cc")) << found.front().file;
  EXPECT_EQ(found.front().line, line);
  EXPECT_NE(found.back().function.find("CodeLines_FindsTheFunctionAndItsLine"), std::string::npos)
      << found.back().function;
}

TEST(CodeLines, AnUnknownAddressIsOneLineWithNothing) {
  const std::vector<CodeLine> found = CodeLines().at(1);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(text_of(found.front()), "?");
}

TEST(CodeLines, SaysWhatIsKnownOfALine) {
  EXPECT_EQ(text_of({"run()", "file.cc", 3}), "run() at file.cc:3");
  EXPECT_EQ(text_of({"run()", "", 0}), "run()");
  EXPECT_EQ(text_of({"", "file.cc", 3}), "? at file.cc:3");
}

}  // namespace
}  // namespace morrow::base
