// SPDX-License-Identifier: Apache-2.0
#include "base/hex.h"

#include <gtest/gtest.h>

namespace morrow::base {
namespace {

TEST(Hex, BytesHaveTwoDigitsEach) {
  EXPECT_EQ(hex_of(std::string_view("\x00\x0a\xff", 3)), "000aff");
  EXPECT_EQ(hex_of(""), "");
}

TEST(Hex, NumbersHaveSixteenDigits) {
  EXPECT_EQ(hex_of(std::uint64_t{0}), "0000000000000000");
  EXPECT_EQ(hex_of(std::uint64_t{0xabc}), "0000000000000abc");
  EXPECT_EQ(hex_of(~std::uint64_t{0}), "ffffffffffffffff");
}

TEST(Hex, ShortNumbersHaveNoMoreDigitsThanTheyNeed) {
  EXPECT_EQ(short_hex_of(0), "0x0");
  EXPECT_EQ(short_hex_of(0xdeadbeef), "0xdeadbeef");
}

TEST(Hex, ANumberIsReadAsItWasWritten) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{0xabc}, ~std::uint64_t{0}}) {
    EXPECT_EQ(number_of_hex(hex_of(number)), number);
  }
  EXPECT_EQ(number_of_hex("FF"), 255U);
}

TEST(Hex, WhatIsNoNumberIsRefused) {
  for (const char* text : {"", "0x1", "g", "12 ", " 12", "-1", "+1", "10000000000000000", "00000000000000001"}) {
    EXPECT_EQ(number_of_hex(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace morrow::base
