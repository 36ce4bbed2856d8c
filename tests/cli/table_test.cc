// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace morrow::cli {
namespace {

Columns columns() { return {{"NAME", "name"}, {"IN USE", "used"}}; }

Rows rows() {
  return {{{"name", "ten"}, {"used", 10}, {"host", "b"}},
          {{"name", "none"}, {"used", nullptr}, {"host", "c"}},
          {{"name", "nine"}, {"used", 9}, {"host", "a"}}};
}

std::vector<std::string> sorted(const std::string& by) {
  Rows all = rows();
  sort_rows(all, columns(), by);
  std::vector<std::string> names;
  for (const Row& row : all) names.push_back(row["name"]);
  return names;
}

TEST(Table, NumbersAreSortedAsNumbersAndWhatHasNoneComesLast) {
  EXPECT_EQ(sorted("used"), (std::vector<std::string>{"nine", "ten", "none"}));
  EXPECT_EQ(sorted("-used"), (std::vector<std::string>{"ten", "nine", "none"}));
}

TEST(Table, AColumnGoesByItsTitleOrByAnyFieldInAnyCase) {
  EXPECT_EQ(sorted("In Use"), sorted("used"));
  EXPECT_EQ(sorted("in-use"), sorted("used"));
  EXPECT_EQ(sorted("HOST"), (std::vector<std::string>{"nine", "ten", "none"}));
}

TEST(Table, AColumnThatIsNotThereIsRefusedWithThoseThatAre) {
  try {
    sorted("colour");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("there are: name, in_use"), std::string::npos) << error.what();
  }
}

TEST(Table, SpansAreOneUnitThatPeopleRead) {
  EXPECT_EQ(span_text(0), "0 s");
  EXPECT_EQ(span_text(119'000), "119 s");
  EXPECT_EQ(span_text(7'199'000), "119 min");
  EXPECT_EQ(span_text(3 * 3'600'000), "3 h");
  EXPECT_EQ(span_text(72ULL * 3'600'000), "3 d");
}

TEST(Table, JsonIsValidWhateverProgramsSay) {
  const Row row = {{"name\xff", {"caf\xe9 \033[2J\x7f", 3}}};
  EXPECT_EQ(json_text(row), R"({"name\\xff":["caf\\xe9 \u001b[2J\\x7f",3]})");
}

TEST(Table, ARowIsOneLineWithoutControlCharactersAndWideCharactersTakeOneColumn) {
  testing::internal::CaptureStdout();
  print_rows({{{"name", "a\n\033b"}, {"used", 1}}, {{"name", "caf\xc3\xa9 \xe9"}, {"used", 2}}}, columns());
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "NAME       IN USE\na\\n\\x1bb   1\ncaf\xc3\xa9 \\xe9  2\n");
}

}  // namespace
}  // namespace morrow::cli
