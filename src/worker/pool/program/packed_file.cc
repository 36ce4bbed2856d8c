// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/program/packed_file.h"

#include <zstd.h>

#include <utility>

#include <fmt/format.h>

namespace morrow::worker {

namespace {
constexpr std::uint64_t kMaxUnpackedBytes = 16u << 20;  // of a piece; checked before anything is allocated
}  // namespace

PackedFile::PackedFile(std::string sha256, std::uint64_t size, std::string name)
    : sha256_(std::move(sha256)), size_(size), name_(std::move(name)) {}

std::string_view PackedFile::unpack(std::string_view piece) {
  const auto size = ZSTD_getFrameContentSize(piece.data(), piece.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kMaxUnpackedBytes)
    throw WrongFile(fmt::format("a piece of {} is not what a driver packs", name_));
  // Else there could be any number of pieces, or bytes in them that say nothing.
  if ((size == 0 && size_ != 0) || piece.size() > ZSTD_compressBound(size))
    throw WrongFile(fmt::format("a piece of {} is not what a driver packs", name_));
  if (size > size_ - unpacked_)
    throw WrongFile(fmt::format("the pieces of {} hold more than its {} bytes", name_, size_));
  bytes_.resize(size);
  const std::size_t got = ZSTD_decompress(bytes_.data(), bytes_.size(), piece.data(), piece.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    throw WrongFile(fmt::format("a piece of {} is damaged: {}", name_,
                                ZSTD_isError(got) != 0 ? ZSTD_getErrorName(got) : "it is too short"));
  }
  hash_.add(bytes_);
  unpacked_ += size;
  return bytes_;
}

void PackedFile::check_whole() {
  if (unpacked_ != size_ || hash_.finish() != sha256_)
    throw WrongFile(fmt::format("the pieces of {} are not the file that the driver has", name_));
}

}  // namespace morrow::worker
