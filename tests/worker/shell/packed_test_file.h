// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zstd.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "wire/messages.pb.h"

namespace morrow::worker {

/// A file of bytes that don't get smaller, and the pieces that a driver makes of it.
struct PackedTestFile {
  std::string hash;
  std::uint64_t size = 0;
  std::vector<wire::BlobChunk> pieces;

  explicit PackedTestFile(std::uint32_t count, std::size_t piece_bytes = 90'000, std::uint32_t seed = 1)
      : size(count * piece_bytes) {
    std::mt19937 random(seed);
    base::Sha256 all;
    for (std::uint32_t i = 0; i < count; ++i) {
      std::string bytes(piece_bytes, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      all.add(bytes);
      wire::BlobChunk piece;
      std::string& data = *piece.mutable_data();
      data.resize(ZSTD_compressBound(bytes.size()));
      data.resize(ZSTD_compress(data.data(), data.size(), bytes.data(), bytes.size(), 1));
      piece.set_index(i);
      piece.set_last(i + 1 == count);
      piece.set_size(size);
      pieces.push_back(piece);
    }
    hash = all.finish();
    for (wire::BlobChunk& piece : pieces) piece.set_hash(hash);
  }
};

}  // namespace morrow::worker
