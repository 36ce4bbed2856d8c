// SPDX-License-Identifier: Apache-2.0
#include "data/blocks.h"

#include <lz4.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/invariant.h"
#include "data/checksum.h"

namespace morrow::data {

namespace {

constexpr int kSkipAfterFailure = 16;  // blocks: what does not compress is seldom followed by what does

/// Stands before each block, as it is in files and on the network.
struct Header {
  std::uint32_t raw = 0;
  std::uint32_t stored = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Header) == kBlockHeaderBytes);  // as it stands in files, on little-endian machines

Header header_of(std::span<const std::byte> block) {
  Header header;
  std::memcpy(&header, block.data(), sizeof header);
  if (header.raw == 0 || header.raw > kBlockBytes || header.stored == 0 || header.stored > header.raw)
    throw Damaged("a block has an impossible size");
  return header;
}

}  // namespace

BlockWriter::Block BlockWriter::encode(std::span<const std::byte> raw) {
  MORROW_INVARIANT(!raw.empty() && raw.size() <= kBlockBytes, "a block is of 1 byte to a mebibyte", raw.size());
  const std::size_t most = raw.size() - raw.size() / 8;
  Header header{static_cast<std::uint32_t>(raw.size()), 0, checksum(raw)};
  Block block{{}, raw};
  if (skip_ > 0) {
    --skip_;
  } else {
    compressed_.resize(kBlockBytes);
    const int size =
        LZ4_compress_default(reinterpret_cast<const char*>(raw.data()), reinterpret_cast<char*>(compressed_.data()),
                             static_cast<int>(raw.size()), static_cast<int>(most));
    if (size > 0) {
      block.stored = std::span(compressed_).first(static_cast<std::size_t>(size));
    } else {
      skip_ = kSkipAfterFailure;
    }
  }
  header.stored = static_cast<std::uint32_t>(block.stored.size());
  std::memcpy(block.header.data(), &header, sizeof header);
  return block;
}

void BlockWriter::encode(std::span<const std::byte> raw, std::vector<std::byte>& out) {
  const Block block = encode(raw);
  out.insert(out.end(), block.header.begin(), block.header.end());
  out.insert(out.end(), block.stored.begin(), block.stored.end());
}

bool is_arrow(std::span<const std::byte> value) {
  return value.size() > kArrowMarkAt + kArrowMark.size() &&
         std::memcmp(value.data() + kArrowMarkAt, kArrowMark.data(), kArrowMark.size()) == 0;
}

std::vector<std::byte> blocks_of(std::span<const std::byte> raw) {
  BlockWriter writer;
  std::vector<std::byte> out;
  for (; !raw.empty(); raw = raw.subspan(std::min(kBlockBytes, raw.size())))
    writer.encode(raw.first(std::min(kBlockBytes, raw.size())), out);
  return out;
}

void BlockReader::feed(std::span<const std::byte> piece) {
  while (!piece.empty()) {
    const std::size_t have = pending_.size();
    std::size_t want = kBlockHeaderBytes;
    if (have >= want) want += header_of(pending_).stored;
    if (have == 0 && piece.size() >= kBlockHeaderBytes) {
      // A whole block in the piece is read where it stands.
      const std::size_t whole = kBlockHeaderBytes + header_of(piece).stored;
      if (piece.size() >= whole) {
        decode(piece.first(whole));
        piece = piece.subspan(whole);
        continue;
      }
      want = whole;
    }
    const std::size_t part = std::min(want - have, piece.size());
    pending_.insert(pending_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(part));
    piece = piece.subspan(part);
    if (pending_.size() < kBlockHeaderBytes || pending_.size() < kBlockHeaderBytes + header_of(pending_).stored)
      continue;
    decode(pending_);
    pending_.clear();
  }
}

void BlockReader::decode(std::span<const std::byte> block) {
  const Header header = header_of(block);
  if (header.raw > target_.size()) throw Damaged("there are more bytes than the object has");
  const auto stored = block.subspan(kBlockHeaderBytes);
  const auto raw = target_.first(header.raw);
  if (header.stored == header.raw) {
    std::memcpy(raw.data(), stored.data(), raw.size());
  } else if (LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()), reinterpret_cast<char*>(raw.data()),
                                 static_cast<int>(stored.size()),
                                 static_cast<int>(raw.size())) != static_cast<int>(raw.size())) {
    throw Damaged("a block can't be decompressed");
  }
  if (checksum(raw) != header.checksum) throw Damaged("a block has a wrong checksum");
  target_ = target_.subspan(header.raw);
}

}  // namespace morrow::data
