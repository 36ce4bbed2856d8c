// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace morrow::base {
namespace {

// From FIPS 180-2, appendix B.
constexpr std::string_view kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(hex_of(sha256_of("abc")), kOfAbc);
  EXPECT_EQ(hex_of(sha256_of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, TakesBytesInPieces) {
  Sha256 hash;
  hash.add("a");
  hash.add("");
  Sha256 moved = std::move(hash);
  moved.add("bc");
  EXPECT_EQ(hex_of(moved.finish()), kOfAbc);
}

TEST(Sha256, ANumberIsItsBytesTheLowestFirst) {
  Sha256 hash;
  hash.add(std::uint64_t{0x6162636465666768});
  EXPECT_EQ(hash.finish(), sha256_of("hgfedcba"));
}

}  // namespace
}  // namespace morrow::base
