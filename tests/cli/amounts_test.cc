// SPDX-License-Identifier: Apache-2.0
#include "cli/amounts.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace morrow::cli {
namespace {

TEST(Amounts, SizesAreReadInBothKindsOfUnits) {
  EXPECT_EQ(parse_bytes("4GiB"), 4ULL << 30);
  EXPECT_EQ(parse_bytes("512MB"), 512'000'000ULL);
  EXPECT_EQ(parse_bytes("1.5 kib"), 1536ULL);
  EXPECT_EQ(parse_bytes("1073741824"), 1ULL << 30);
  EXPECT_EQ(parse_bytes("2TiB"), 2ULL << 40);
}

TEST(Amounts, WhatIsNoSizeIsRefusedWithASentenceThatSaysHow) {
  for (const char* text : {"", "GiB", "-4GiB", "4XB", "4GiBs", "0", "1e400", "nan", "99999TiB"}) {
    try {
      parse_bytes(text);
      ADD_FAILURE() << "took " << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("4GiB"), std::string::npos);
    }
  }
}

TEST(Amounts, FractionsOfCpusAreExact) {
  EXPECT_EQ(parse_micro("--cpus", "0.5"), 500'000U);
  EXPECT_EQ(parse_micro("--cpus", "2"), 2'000'000U);
  EXPECT_EQ(parse_micro("--cpus", "0.001"), 1'000U);
  EXPECT_THROW(parse_micro("--cpus", "two"), std::invalid_argument);
  EXPECT_THROW(parse_micro("--cpus", "-1"), std::invalid_argument);
  EXPECT_THROW(parse_micro("--cpus", "1,5"), std::invalid_argument);
}

TEST(Amounts, AResourceIsANameAndAnAmount) {
  EXPECT_EQ(parse_resource("license=2"), (std::pair<std::string, std::uint64_t>("license", 2'000'000)));
  EXPECT_THROW(parse_resource("license"), std::invalid_argument);
  EXPECT_THROW(parse_resource("=2"), std::invalid_argument);
  EXPECT_EQ(parse_resource("caf\xe9 = \n=2"), (std::pair<std::string, std::uint64_t>("caf\xe9 = \n", 2'000'000)));
  EXPECT_EQ(parse_resource(std::string(64, 'x') + "=2").second, 2'000'000U);
  EXPECT_THROW(parse_resource(std::string(65, 'x') + "=2"), std::invalid_argument);
  EXPECT_THROW(parse_resource("license="), std::invalid_argument);
  EXPECT_THROW(parse_resource("cpus=2"), std::invalid_argument);
}

}  // namespace
}  // namespace morrow::cli
