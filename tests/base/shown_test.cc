// SPDX-License-Identifier: Apache-2.0
#include "base/shown.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <nlohmann/json.hpp>

namespace morrow::base {
namespace {

using std::string_literals::operator""s;

/// Bytes of which many are parts of characters, so that a random text has whole and broken ones.
rc::Gen<std::string> any_text() {
  constexpr std::array<unsigned char, 20> kTelling = {0x00, 0x07, 0x09, 0x0a, 0x0d, 0x1b, '[',  'm',  '\\', 'a',
                                                      0x7f, 0x80, 0x85, 0xbf, 0xc2, 0xc3, 0xe2, 0xed, 0xf0, 0xff};
  const auto telling = rc::gen::map(rc::gen::inRange<std::size_t>(0, kTelling.size()),
                                    [kTelling](std::size_t i) { return static_cast<char>(kTelling.at(i)); });
  return rc::gen::container<std::string>(rc::gen::oneOf(telling, rc::gen::arbitrary<char>()));
}

/// As the JSON library sees it, which throws when it is not.
bool is_utf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

TEST(Shown, CharactersOfAllSizesStayAsTheyAre) {
  for (const std::string text : {"", "plain", "caf\xc3\xa9", "\xe2\x82\xac 3", "\xf0\x9f\x8c\x8a", "C:\\folder"}) {
    EXPECT_EQ(shown_line(text), text);
    EXPECT_EQ(shown_text(text), text);
    EXPECT_EQ(shown_output(text), text);
    EXPECT_EQ(as_utf8(text), text);
  }
}

TEST(Shown, AByteThatIsNoCharacterIsWrittenByItsNumber) {
  EXPECT_EQ(shown_line("caf\xe9!"), "caf\\xe9!");
  EXPECT_EQ(shown_line("\xe2\x82"), "\\xe2\\x82");           // the beginning of one
  EXPECT_EQ(shown_line("\x82\xac"), "\\x82\\xac");           // the rest of one
  EXPECT_EQ(shown_line("\xc0\xaf"), "\\xc0\\xaf");           // longer than it needs to be
  EXPECT_EQ(shown_line("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half of a pair
  EXPECT_EQ(shown_line("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(as_utf8("caf\xe9!\n"), "caf\\xe9!\n");
}

TEST(Shown, ControlCharactersNeverReachATerminal) {
  EXPECT_EQ(shown_line("a\033[2Jb\a"), "a\\x1b[2Jb\\x07");
  EXPECT_EQ(shown_line("a\nb\r\tc\0d"s), "a\\nb\\r\\tc\\x00d");
  EXPECT_EQ(shown_line("\x7f\xc2\x9b"), "\\x7f\\xc2\\x9b");  // a terminal may take U+009B for ESC [
  EXPECT_EQ(shown_line("\xe2\x80\xae"
                       "exe"),
            "\\xe2\\x80\\xaeexe");  // writes from right to left
}

TEST(Shown, ASentenceKeepsItsLinesAndPrintedLinesTheirColours) {
  EXPECT_EQ(shown_text("a\n\tb\r\033[1m"), "a\n\tb\\r\\x1b[1m");
  EXPECT_EQ(shown_output("\033[1;31mred\033[0m\t\033[2J\033[31"), "\033[1;31mred\033[0m\t\\x1b[2J\\x1b[31");
}

TEST(Shown, ATextIsNeverCutInsideACharacter) {
  EXPECT_EQ(beginning("\xe2\x82\xac\xe2\x82\xac", 5), "\xe2\x82\xac");
  EXPECT_EQ(beginning("\xe2\x82\xac\xe2\x82\xac", 6), "\xe2\x82\xac\xe2\x82\xac");
  EXPECT_EQ(beginning("a\xf0\x9f\x8c\x8a", 4), "a");
  EXPECT_EQ(beginning("abc", 2), "ab");
  EXPECT_EQ(beginning("\x80\x80\x80\x80\x80", 4), "\x80\x80\x80\x80");  // no characters: nothing to spare
}

RC_GTEST_PROP(Shown, WhateverTheBytesAreWhatIsShownIsUtf8WithoutControlCharacters, ()) {
  const std::string text = *any_text();
  const std::string shown = shown_line(text);
  RC_ASSERT(is_utf8(shown));
  RC_ASSERT(is_utf8(as_utf8(text)));
  for (const char c : shown) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

RC_GTEST_PROP(Shown, ToShowWhatWasShownChangesNothing, ()) {
  const std::string text = *any_text();
  RC_ASSERT(shown_line(shown_line(text)) == shown_line(text));
  RC_ASSERT(shown_text(shown_text(text)) == shown_text(text));
  RC_ASSERT(shown_output(shown_output(text)) == shown_output(text));
  RC_ASSERT(as_utf8(as_utf8(text)) == as_utf8(text));
  RC_ASSERT(shown_line(shown_text(text)) == shown_line(text));
}

RC_GTEST_PROP(Shown, PiecesCutAtWholeCharactersGiveTheTextAgain, ()) {
  const std::string text = *any_text();
  const std::size_t most = *rc::gen::inRange<std::size_t>(4, 9);
  std::string joined;
  std::string shown;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view piece = beginning(rest, most);
    RC_ASSERT(!piece.empty());
    joined += piece;
    shown += shown_line(piece);
    rest.remove_prefix(piece.size());
  }
  RC_ASSERT(joined == text);
  RC_ASSERT(shown == shown_line(text));
}

}  // namespace
}  // namespace morrow::base
