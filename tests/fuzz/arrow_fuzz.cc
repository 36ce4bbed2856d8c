// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include <morrow/arrow.h>
#include <morrow/detail/archive_impl.h>
#include <morrow/error.h>

#include "tests/fuzz/fuzz.h"

// A batch of Arrow data that came from anywhere: everything that the two structs point to is looked at.

namespace morrow::detail {

Room make_copy(std::span<const ByteView> pieces) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  Room room = heap_room(size);
  std::byte* to = room.bytes.data();
  for (const ByteView piece : pieces) to = std::copy(piece.begin(), piece.end(), to);
  return room;
}
void seal(const Room&) {}

}  // namespace morrow::detail

namespace morrow::fuzz {

namespace {

std::string packed(const ArrowBatch& batch) {
  detail::Packed value;
  detail::ValueWriter writer(value);
  batch.pack(writer);
  std::string bytes(value.size(), '\0');
  value.copy_to(reinterpret_cast<std::byte*>(bytes.data()));
  return bytes;
}

std::string strings() {
  static constexpr std::array<std::int32_t, 4> kOffsets{0, 2, 2, 5};
  static std::array<const void*, 3> buffers{nullptr, kOffsets.data(), "abcde"};
  static std::array<const void*, 1> none{nullptr};
  ArrowArray column{3,      0, 0, 3, 0, buffers.data(), nullptr, nullptr, [](ArrowArray* a) { a->release = nullptr; },
                    nullptr};
  ArrowSchema text{"u",
                   "name",
                   "\1\0\0\0\1\0\0\0k\1\0\0\0v",
                   2,
                   0,
                   nullptr,
                   nullptr,
                   [](ArrowSchema* s) { s->release = nullptr; },
                   nullptr};
  ArrowArray* columns[] = {&column};
  ArrowSchema* fields[] = {&text};
  ArrowArray table{3, 0, 0, 1, 1, none.data(), columns, nullptr, [](ArrowArray* a) { a->release = nullptr; }, nullptr};
  ArrowSchema schema{"+s", "", nullptr, 0, 1, fields, nullptr, [](ArrowSchema* s) { s->release = nullptr; }, nullptr};
  return packed(ArrowBatch::from_arrow(&table, &schema));
}

/// Bytes of a buffer that an importer reads for sure.
void look(const ArrowArray& array, const ArrowSchema& schema) {
  std::size_t sum = std::strlen(schema.format) + (schema.name == nullptr ? 0 : std::strlen(schema.name));
  const std::size_t rows = static_cast<std::size_t>(array.length + array.offset);
  for (std::int64_t i = 0; i < array.n_buffers; ++i) {
    const auto* const bytes = static_cast<const unsigned char*>(array.buffers[i]);
    if (bytes == nullptr) continue;
    if (i == 0 && rows != 0 && schema.format[0] != '+') sum += bytes[0] + bytes[(rows - 1) / 8];
    if (i == 1 && rows != 0 && std::strchr("iIftg", schema.format[0]) != nullptr && schema.format[1] == 0)
      sum += bytes[rows * 4 - 1];
    if (i == 1 && (schema.format[0] == 'u' || schema.format[0] == 'z') && schema.format[1] == 0)
      sum += bytes[rows * 4 + 3];
  }
  require(array.n_children == schema.n_children);
  require((array.dictionary == nullptr) == (schema.dictionary == nullptr));
  for (std::int64_t i = 0; i < array.n_children; ++i) look(*array.children[i], *schema.children[i]);
  if (array.dictionary != nullptr) look(*array.dictionary, *schema.dictionary);
  static volatile std::size_t kept = 0;
  kept = kept + sum;
}

}  // namespace

std::map<std::string, std::string> seeds() { return {{"strings", strings()}, {"empty", packed(ArrowBatch())}}; }

}  // namespace morrow::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace morrow;
  // As it lies in the object memory: aligned, and kept by an owner.
  const detail::Room room = detail::heap_room(size);
  if (size != 0) std::memcpy(room.bytes.data(), data, size);
  try {
    detail::ValueReader reader(room.bytes, room.owner);
    ArrowBatch batch;
    batch.unpack(reader);
    ArrowArray array{};
    ArrowSchema schema{};
    batch.to_arrow(&array, &schema);
    fuzz::look(array, schema);
    array.release(&array);
    schema.release(&schema);
  } catch (const DecodeError&) {
  }
  return 0;
}
