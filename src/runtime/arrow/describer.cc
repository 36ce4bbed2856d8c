// SPDX-License-Identifier: Apache-2.0
#include "runtime/arrow/describer.h"

#include <array>
#include <cstring>
#include <span>
#include <stdexcept>

#include "data/blocks.h"
#include "runtime/arrow/layout.h"

namespace morrow::runtime {

namespace {

constexpr std::int64_t kMaxChildren = 100'000;

/// Bytes of a metadata block: a count, then keys and values, each with its length before it, all int32.
std::string_view metadata_of(const char* metadata) {
  if (metadata == nullptr) return {};
  const auto number = [metadata](std::size_t at) {
    std::int32_t value = 0;
    std::memcpy(&value, metadata + at, sizeof value);
    return static_cast<std::size_t>(value < 0 ? 0 : value);
  };
  std::size_t at = sizeof(std::int32_t);
  for (std::size_t left = 2 * number(0); left > 0; --left) at += sizeof(std::int32_t) + number(at);
  return {metadata, at};
}

}  // namespace

void Describer::schema(const ArrowSchema& schema, int depth) {
  if (depth > kMaxDepth) throw std::invalid_argument("an Arrow schema is nested too deep");
  if (schema.format == nullptr) throw std::invalid_argument("an Arrow schema has no format");
  text(schema.format);
  text(schema.name == nullptr ? "" : schema.name);
  text(metadata_of(schema.metadata));
  number(static_cast<std::uint64_t>(schema.flags));
  if (schema.n_children < 0 || schema.n_children > kMaxChildren)
    throw std::invalid_argument("an Arrow schema has an impossible number of children");
  number(static_cast<std::uint64_t>(schema.n_children));
  for (std::int64_t i = 0; i < schema.n_children; ++i) this->schema(*schema.children[i], depth + 1);
  number(schema.dictionary != nullptr ? 1 : 0);
  if (schema.dictionary != nullptr) this->schema(*schema.dictionary, depth + 1);
}

void Describer::array(const ArrowArray& array, const ArrowSchema& schema) {
  const Layout layout = layout_of(schema.format);
  if (array.length < 0 || array.offset < 0 || array.n_children != schema.n_children ||
      (array.dictionary == nullptr) != (schema.dictionary == nullptr) ||
      array.n_buffers != static_cast<std::int64_t>(layout.buffers.size())) {
    throw std::invalid_argument("an Arrow array does not fit its schema: of format " + std::string(schema.format));
  }
  number(static_cast<std::uint64_t>(array.length));
  number(static_cast<std::uint64_t>(array.null_count));
  number(static_cast<std::uint64_t>(array.offset));
  number(layout.buffers.size());
  const std::int64_t rows = array.offset + array.length;
  for (std::size_t i = 0; i < layout.buffers.size(); ++i) {
    const void* data = array.buffers[i];
    const void* const before = i == 0 ? nullptr : array.buffers[i - 1];
    std::uint64_t size = buffer_bytes(layout.buffers[i], rows, before);
    if (rows == 0 && holds_offsets(layout.buffers[i])) {
      // There may be none, but a reader may look for one.
      static constexpr std::int64_t kNoOffset = 0;
      data = &kNoOffset;
    }
    if (data == nullptr && size != 0 && !may_be_left_out(layout.buffers[i], i)) {
      throw std::invalid_argument("an Arrow array of " + std::to_string(rows) + " rows has no buffer " +
                                  std::to_string(i) + ": of format " + std::string(schema.format));
    }
    if (data == nullptr) size = 0;
    number(data == nullptr ? 1 : 0);
    number(end_);
    number(size);
    if (data != nullptr) copies_.push_back({data, size});
    end_ += aligned(size);
  }
  for (std::int64_t i = 0; i < array.n_children; ++i) this->array(*array.children[i], *schema.children[i]);
  if (array.dictionary != nullptr) this->array(*array.dictionary, *schema.dictionary);
}

detail::Room Describer::make() const {
  const std::uint64_t buffers = aligned(kHeaderBytes + description_.size());
  std::array<std::uint64_t, kHeaderBytes / sizeof(std::uint64_t)> header{buffers + end_, description_.size()};
  std::memcpy(reinterpret_cast<char*>(header.data()) + data::kArrowMarkAt, data::kArrowMark.data(),
              data::kArrowMark.size());
  std::vector<detail::ByteView> pieces{std::as_bytes(std::span(header)), std::as_bytes(std::span(description_))};
  const auto fill = [&pieces](std::uint64_t bytes) {
    static constexpr std::array<std::byte, detail::kAlignment> kZeros{};
    pieces.push_back(std::span(kZeros).first(bytes));
  };
  fill(buffers - kHeaderBytes - description_.size());
  for (const Copy& copy : copies_) {
    pieces.emplace_back(static_cast<const std::byte*>(copy.from), copy.size);
    fill(aligned(copy.size) - copy.size);
  }
  return detail::make_copy(pieces);
}

void Describer::number(std::uint64_t value) {
  description_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void Describer::text(std::string_view bytes) {
  number(bytes.size());
  description_ += bytes;
}

}  // namespace morrow::runtime
