// SPDX-License-Identifier: Apache-2.0
// Programs linked in every way find their own code, in themselves and in another process of the same program.
#include <gtest/gtest.h>

#include "tests/runtime/image/support.h"

namespace morrow::runtime {
namespace {

class EveryProgram : public testing::TestWithParam<Program> {};

INSTANTIATE_TEST_SUITE_P(Kinds, EveryProgram, testing::ValuesIn(programs()),
                         [](const auto& given) { return given.param.kind; });

TEST_P(EveryProgram, EqualsAnotherProcessOfItself) {
  const Folder folder;
  const std::string file = folder / "manifest";
  ASSERT_EQ(output_of(GetParam().path + " manifest " + file), "");
  EXPECT_EQ(output_of(GetParam().path + " check " + file), "same");
}

TEST_P(EveryProgram, RunsTheFunctionThatAnotherProcessMeant) {
  const std::string place = output_of(GetParam().path + " reference");
  const std::string expected = GetParam().kind == "changed" ? "43" : "42";
  EXPECT_EQ(output_of(GetParam().path + " call " + place), expected) << place;
}

TEST_P(EveryProgram, RefusesAPlaceThatIsNoCode) {
  EXPECT_NE(output_of(GetParam().path + " call 0 1").find("error: "), std::string::npos);
  EXPECT_NE(output_of(GetParam().path + " data").find("error: "), std::string::npos);
}

TEST_P(EveryProgram, TellsTheStackOfAThrowInsideTheStandardLibraryWithFileAndLine) {
  const std::string text = output_of(GetParam().path + " throw");
  EXPECT_TRUE(text.starts_with("std::out_of_range\n#0 ")) << text;
  const std::size_t thrower = text.find("thrower(");
  const std::size_t middle = text.find("middle(");
  ASSERT_NE(thrower, std::string::npos) << text;
  ASSERT_NE(middle, std::string::npos) << text;
  EXPECT_LT(thrower, middle);
  EXPECT_NE(text.find("program.cc:", thrower), std::string::npos) << text;
  EXPECT_EQ(text.find("__cxa_throw"), std::string::npos) << text;
  EXPECT_EQ(text.find("morrow::runtime"), std::string::npos) << text;
}

TEST(Programs, TwoBuildsOfOneAreToldApartByName) {
  const Folder folder;
  const std::string file = folder / "manifest";
  ASSERT_EQ(output_of(program("pie") + " manifest " + file), "");
  for (const char* const other : {"changed", "plain", "nopie"}) {
    const std::string sentence = output_of(program(other) + " check " + file);
    EXPECT_NE(sentence.find(program(other)), std::string::npos) << sentence;
    EXPECT_NE(sentence.find("another build"), std::string::npos) << sentence;
  }
}

}  // namespace
}  // namespace morrow::runtime
