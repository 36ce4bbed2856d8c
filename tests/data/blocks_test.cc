// SPDX-License-Identifier: Apache-2.0
#include "data/blocks.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <random>

namespace morrow::data {
namespace {

using Bytes = std::vector<std::byte>;

/// Random, or the same few bytes again and again.
Bytes content(std::size_t size, bool random, unsigned seed) {
  std::mt19937 generator(seed);
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<std::byte>(random ? generator() : i / 100 % 7 + seed % 3);
  return bytes;
}

Bytes encoded(std::span<const std::byte> raw) {
  Bytes out;
  BlockWriter writer;
  for (std::size_t at = 0; at < raw.size(); at += kBlockBytes)
    writer.encode(raw.subspan(at, std::min(kBlockBytes, raw.size() - at)), out);
  return out;
}

TEST(Blocks, WhatWasWrittenIsReadWhateverThePiecesItComesIn) {
  const bool holds = rc::check("round trip", [] {
    const auto size = *rc::gen::inRange<std::size_t>(1, *rc::gen::element<std::size_t>(100, 10'000, 3'000'000));
    const Bytes raw = content(size, *rc::gen::arbitrary<bool>(), *rc::gen::inRange(0U, 1000U));
    const Bytes stream = encoded(raw);
    Bytes target(size);
    BlockReader reader(target);
    const auto most = *rc::gen::element<std::size_t>(7, 100, 50'000, 10'000'000);
    for (std::size_t at = 0; at < stream.size();) {
      RC_ASSERT(!reader.done());
      const std::size_t part = std::min(*rc::gen::inRange<std::size_t>(1, most + 1), stream.size() - at);
      reader.feed(std::span(stream).subspan(at, part));
      at += part;
      if (most < 1000 && stream.size() > 10'000) {  // enough of the small ones
        reader.feed(std::span(stream).subspan(at));
        at = stream.size();
      }
    }
    RC_ASSERT(reader.done());
    RC_ASSERT(target == raw);
  });
  EXPECT_TRUE(holds);
}

TEST(Blocks, CompressWhatCanBeCompressedAndNothingElse) {
  const Bytes plain = content(5'000'000, false, 1);
  EXPECT_LT(encoded(plain).size(), plain.size() / 10);
  const Bytes random = content(5'000'000, true, 1);
  EXPECT_EQ(encoded(random).size(), random.size() + 5 * kBlockHeaderBytes);
}

TEST(Blocks, AnyFlippedBitIsFound) {
  for (const bool random : {false, true}) {
    const Bytes raw = content(3'000, random, 5);
    const Bytes stream = encoded(raw);
    for (std::size_t at = 0; at < stream.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes broken = stream;
        broken[at] ^= static_cast<std::byte>(1 << bit);
        Bytes target(raw.size());
        BlockReader reader(target);
        bool found = false;
        try {
          reader.feed(broken);
          found = !reader.done();
        } catch (const Damaged&) {
          found = true;
        }
        // LZ4 has several ways to say the same: then nothing is damaged.
        ASSERT_TRUE(found || target == raw) << "byte " << at << " bit " << bit;
      }
    }
  }
}

TEST(Blocks, MoreThanTheTargetTakesIsDamage) {
  const Bytes raw = content(2'000, true, 2);
  Bytes target(1'999);
  BlockReader reader(target);
  EXPECT_THROW(reader.feed(encoded(raw)), Damaged);
}

TEST(Blocks, AnImpossibleSizeIsFoundBeforeAnythingIsHeld) {
  Bytes header(kBlockHeaderBytes, std::byte{0xff});
  Bytes target(100);
  BlockReader reader(target);
  EXPECT_THROW(reader.feed(header), Damaged);
}

}  // namespace
}  // namespace morrow::data
