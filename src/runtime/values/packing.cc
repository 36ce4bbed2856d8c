// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include <morrow/detail/core.h>
#include <morrow/submit.h>

// The part of packing a call that need not be compiled in each program.
namespace morrow::detail {

void append(Bytes& bytes, const void* data, std::size_t size) {
  const auto* const begin = static_cast<const std::byte*>(data);
  bytes.insert(bytes.end(), begin, begin + size);
}

const Options& default_options() {
  static const Options options;
  return options;
}

void copy_bytes(void* to, const void* from, std::size_t size) {
  constexpr std::size_t kMuch = 8 << 20;
  constexpr std::size_t kPiece = 1 << 20;  // so much takes another way through memcpy
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::uintptr_t kLittle = 1024;
  auto* out = static_cast<std::byte*>(to);
  const auto* in = static_cast<const std::byte*>(from);
  const std::uintptr_t behind = (reinterpret_cast<std::uintptr_t>(out) - reinterpret_cast<std::uintptr_t>(in)) % kPage;
  if (size >= kMuch && behind != 0 && behind < kLittle) {
    for (; size > kPiece; size -= kPiece, out += kPiece, in += kPiece) std::memcpy(out, in, kPiece);
  }
  if (size != 0) std::memcpy(out, in, size);
}

void expect_writes(void* memory, std::size_t size) {
  constexpr std::uintptr_t kPage = 4096;
  constexpr std::size_t kMuch = 4 << 20;
  if (size < kMuch) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + size) / kPage * kPage;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);  // it is all the same when it can't be had
}

void Packed::copy_to(std::byte* to) const {
  std::size_t from = 0;
  const auto copy = [&to](const std::byte* data, std::size_t size) {
    copy_bytes(to, data, size);
    to += size;
  };
  for (const Piece& piece : pieces) {
    copy(bytes.data() + from, piece.at - from);
    from = piece.at;
    copy(piece.view.data(), piece.view.size());
  }
  copy(bytes.data() + from, bytes.size() - from);
}

Room heap_room(std::size_t size) {
  struct alignas(kAlignment) Block {
    std::byte bytes[kAlignment];
  };
  auto blocks = std::make_shared_for_overwrite<Block[]>(std::max<std::size_t>((size + kAlignment - 1) / kAlignment, 1));
  expect_writes(blocks[0].bytes, size);
  return {{blocks[0].bytes, size}, std::move(blocks), 0};
}

Value ValueReader::take_block(std::size_t size) {
  if (size > bytes_.size()) throw DecodeError("a serialized value is cut short");
  const ByteView view = bytes_.first(size);
  bytes_ = bytes_.subspan(size);
  if (owner_ != nullptr && reinterpret_cast<std::uintptr_t>(view.data()) % kAlignment == 0) return {view, owner_};
  const Room room = heap_room(size);
  copy_bytes(room.bytes.data(), view.data(), size);
  return {room.bytes, room.owner};
}

}  // namespace morrow::detail
