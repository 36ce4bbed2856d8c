// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Hashes of ids that are random or counted, for tables within a process: cheap, and no defence against keys that are
/// chosen to collide.
namespace morrow::base {

/// 2^64 divided by the golden ratio, made odd: products with it spread numbers that follow each other (Knuth, The Art
/// of Computer Programming 3, 6.4, multiplicative hashing).
inline constexpr std::uint64_t kGoldenRatio = 0x9e3779b97f4a7c15ULL;

/// The first multiplier of fmix64, by which MurmurHash3 (Austin Appleby, public domain) ends.
inline constexpr std::uint64_t kMurmurMultiplier = 0xff51afd7ed558ccdULL;

/// Of a random id and a number counted from 1 under it: {scope, sequence} of a future.
constexpr std::size_t hash_of_id(std::uint64_t scope, std::uint64_t sequence) {
  return static_cast<std::size_t>((scope ^ (sequence * kGoldenRatio)) * kMurmurMultiplier);
}

/// Spreads the bits of a number over all 64, one to one.
constexpr std::uint64_t mix_bits(std::uint64_t number) {
  number = (number ^ (number >> 31)) * kGoldenRatio;
  return number ^ (number >> 29);
}

}  // namespace morrow::base
