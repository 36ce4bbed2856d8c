// SPDX-License-Identifier: Apache-2.0
#include <morrow/arrow.h>

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <morrow/detail/archive_impl.h>
#include <morrow/error.h>

#include "data/blocks.h"
#include "runtime/arrow/layout.h"

// A batch is one block of memory:
//
//     total size u64 | size of the description u64 | "MORROW ARROW DATA 1", zeros up to 64 bytes
//     the description: the schema and the array as a tree of nodes, with the offset of each buffer
//     the buffers, each at a multiple of 64 bytes
//
// So it can be written in place, sent as it is, and read where it lies.
namespace morrow {

namespace {

using detail::kAlignment;
using runtime::Layout;

constexpr std::size_t kHeaderBytes = kAlignment;
constexpr int kMaxDepth = 64;
constexpr std::int64_t kMaxChildren = 100'000;

std::uint64_t aligned(std::uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

/// Releases what a caller gave us, whatever happens.
struct Releases {
  ArrowArray* array;
  ArrowSchema* schema;
  ~Releases() {
    if (array->release != nullptr) array->release(array);
    if (schema->release != nullptr) schema->release(schema);
  }
};

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

/// Who imports a schema walks through its metadata by the lengths in it. \throws DecodeError
void check_metadata(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto number = [&bytes] {
    std::int32_t value = 0;
    if (bytes.size() < sizeof value) throw DecodeError("the metadata of an Arrow schema is cut short");
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    if (value < 0) throw DecodeError("the metadata of an Arrow schema has a negative length");
    return static_cast<std::size_t>(value);
  };
  for (std::size_t left = 2 * number(); left > 0; --left) {
    const std::size_t size = number();
    if (size > bytes.size()) throw DecodeError("the metadata of an Arrow schema is cut short");
    bytes.remove_prefix(size);
  }
}

// ---- writing ----

/// Bytes that are copied into the batch.
struct Copy {
  const void* from;
  std::uint64_t size;
};

/// Describes an array, and finds a place for each of its buffers.
class Describer {
 public:
  void schema(const ArrowSchema& schema, int depth = 0) {
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

  void array(const ArrowArray& array, const ArrowSchema& schema) {
    const Layout layout = runtime::layout_of(schema.format);
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
      std::uint64_t size = runtime::buffer_bytes(layout.buffers[i], rows, before);
      if (rows == 0 && runtime::holds_offsets(layout.buffers[i])) {
        // There may be none, but who reads it may look for one.
        static constexpr std::int64_t kNoOffset = 0;
        data = &kNoOffset;
      }
      if (data == nullptr && size != 0 && !runtime::may_be_left_out(layout.buffers[i], i)) {
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

  detail::Room make() const {
    const std::uint64_t buffers = aligned(kHeaderBytes + description_.size());
    std::array<std::uint64_t, kHeaderBytes / sizeof(std::uint64_t)> header{buffers + end_, description_.size()};
    std::memcpy(reinterpret_cast<char*>(header.data()) + data::kArrowMarkAt, data::kArrowMark.data(),
                data::kArrowMark.size());
    std::vector<detail::ByteView> pieces{std::as_bytes(std::span(header)), std::as_bytes(std::span(description_))};
    const auto fill = [&pieces](std::uint64_t bytes) {
      static constexpr std::array<std::byte, kAlignment> kZeros{};
      pieces.push_back(std::span(kZeros).first(bytes));
    };
    fill(buffers - kHeaderBytes - description_.size());
    for (const Copy& copy : copies_) {
      pieces.emplace_back(static_cast<const std::byte*>(copy.from), copy.size);
      fill(aligned(copy.size) - copy.size);
    }
    return detail::make_copy(pieces);
  }

 private:
  void number(std::uint64_t value) { description_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view bytes) {
    number(bytes.size());
    description_ += bytes;
  }

  std::string description_;
  std::vector<Copy> copies_;
  std::uint64_t end_ = 0;
};

// ---- reading ----

/// What an ArrowSchema points to; freed by its `release`.
struct OwnedSchema {
  std::string format, name, metadata;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
  std::unique_ptr<ArrowSchema> dictionary;
};

/// What an ArrowArray points to; freed by its `release`.
struct OwnedArray {
  std::shared_ptr<const void> memory;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
  std::unique_ptr<ArrowArray> dictionary;
};

/// Children that somebody moved out have no release function any more.
template <class Struct, class Owned>
void release(Struct* which) {
  auto* const owned = static_cast<Owned*>(which->private_data);
  for (Struct& child : owned->children) {
    if (child.release != nullptr) child.release(&child);
  }
  if (owned->dictionary && owned->dictionary->release != nullptr) owned->dictionary->release(owned->dictionary.get());
  which->release = nullptr;
  delete owned;
}

/// Reads a packed batch, and trusts none of its numbers. \throws DecodeError
class Reader {
 public:
  Reader(detail::ByteView bytes, std::shared_ptr<const void> memory) : memory_(std::move(memory)) {
    std::array<std::uint64_t, 2> header{};
    if (bytes.size() < kHeaderBytes) throw DecodeError("an Arrow batch is cut short");
    std::memcpy(header.data(), bytes.data(), sizeof header);
    if (header[0] != bytes.size() || header[1] > bytes.size() - kHeaderBytes ||
        aligned(kHeaderBytes + header[1]) > bytes.size())
      throw DecodeError("an Arrow batch has an impossible size");
    description_ = bytes.subspan(kHeaderBytes, header[1]);
    buffers_ = bytes.subspan(aligned(kHeaderBytes + header[1]));
  }

  void schema(ArrowSchema& out, int depth = 0) {
    if (depth > kMaxDepth) throw DecodeError("an Arrow schema is nested too deep");
    auto owned = std::make_unique<OwnedSchema>();
    owned->format = text();
    owned->name = text();
    owned->metadata = text();
    check_metadata(owned->metadata);
    out = {};
    out.flags = static_cast<std::int64_t>(number());
    const std::size_t children = count();
    owned->children.resize(children);
    Finished<ArrowSchema> finished{owned->children, 0};
    for (ArrowSchema& child : owned->children) {
      schema(child, depth + 1);
      ++finished.made;
      owned->pointers.push_back(&child);
    }
    if (number() != 0) {
      owned->dictionary = std::make_unique<ArrowSchema>();
      schema(*owned->dictionary, depth + 1);
    }
    finished.made = 0;
    out.format = owned->format.c_str();
    out.name = owned->name.c_str();
    out.metadata = owned->metadata.empty() ? nullptr : owned->metadata.data();
    out.n_children = static_cast<std::int64_t>(children);
    out.children = owned->pointers.data();
    out.dictionary = owned->dictionary.get();
    out.release = &release<ArrowSchema, OwnedSchema>;
    out.private_data = owned.release();
  }

  void array(ArrowArray& out, const ArrowSchema& schema) {
    auto owned = std::make_unique<OwnedArray>();
    owned->memory = memory_;
    out = {};
    out.length = static_cast<std::int64_t>(number());
    out.null_count = static_cast<std::int64_t>(number());
    out.offset = static_cast<std::int64_t>(number());
    Layout layout;
    try {
      layout = runtime::layout_of(schema.format);
    } catch (const std::invalid_argument& error) {
      throw DecodeError(error.what());
    }
    if (out.length < 0 || out.offset < 0 || out.length > kMostRows || out.offset > kMostRows ||
        number() != layout.buffers.size())
      throw DecodeError("an Arrow array does not fit its schema");
    for (std::size_t i = 0; i < layout.buffers.size(); ++i) buffer(*owned, layout.buffers[i], out.offset + out.length);
    owned->children.resize(static_cast<std::size_t>(schema.n_children));
    Finished<ArrowArray> finished{owned->children, 0};
    for (std::int64_t i = 0; i < schema.n_children; ++i) {
      ArrowArray& child = owned->children[static_cast<std::size_t>(i)];
      array(child, *schema.children[i]);
      ++finished.made;
      owned->pointers.push_back(&child);
    }
    if (schema.dictionary != nullptr) {
      owned->dictionary = std::make_unique<ArrowArray>();
      array(*owned->dictionary, *schema.dictionary);
    }
    finished.made = 0;
    out.n_buffers = static_cast<std::int64_t>(owned->buffers.size());
    out.buffers = owned->buffers.data();
    out.n_children = schema.n_children;
    out.children = owned->pointers.data();
    out.dictionary = owned->dictionary.get();
    out.release = &release<ArrowArray, OwnedArray>;
    out.private_data = owned.release();
  }

 private:
  static constexpr std::int64_t kMostRows = std::int64_t{1} << 56;
  static constexpr std::size_t kNodeBytes = 6 * sizeof(std::uint64_t);  ///< that a schema takes at least

  /// Releases the children that are made when a later one throws.
  template <class Struct>
  struct Finished {
    std::vector<Struct>& all;
    std::size_t made;
    ~Finished() {
      for (std::size_t i = 0; i < made; ++i) all[i].release(&all[i]);
    }
  };

  void buffer(OwnedArray& owned, const runtime::BufferLayout& layout, std::int64_t rows) {
    const bool none = number() != 0;
    const std::uint64_t offset = number();
    const std::uint64_t size = number();
    if (offset > buffers_.size() || size > buffers_.size() - offset || offset % kAlignment != 0)
      throw DecodeError("a buffer of an Arrow batch lies outside of it");
    const void* const data = none ? nullptr : buffers_.data() + offset;
    const void* const before = owned.buffers.empty() ? nullptr : owned.buffers.back();
    try {
      const bool needless = none && runtime::may_be_left_out(layout, owned.buffers.size());
      if (!needless && runtime::buffer_bytes(layout, rows, before) > (none ? 0 : size))
        throw DecodeError("a buffer of an Arrow batch is too short");
    } catch (const std::invalid_argument& error) {
      throw DecodeError(error.what());
    }
    owned.buffers.push_back(data);
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    if (description_.size() < sizeof value) throw DecodeError("the description of an Arrow batch is cut short");
    std::memcpy(&value, description_.data(), sizeof value);
    description_ = description_.subspan(sizeof value);
    return value;
  }
  std::size_t count() {
    const std::uint64_t value = number();
    if (value > description_.size() / kNodeBytes) throw DecodeError("an Arrow schema claims more children than it has");
    return static_cast<std::size_t>(value);
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > description_.size()) throw DecodeError("the description of an Arrow batch is cut short");
    std::string bytes(reinterpret_cast<const char*>(description_.data()), size);
    description_ = description_.subspan(size);
    return bytes;
  }

  std::shared_ptr<const void> memory_;
  detail::ByteView description_;
  detail::ByteView buffers_;
};

}  // namespace

ArrowBatch ArrowBatch::from_arrow(ArrowArray* array, ArrowSchema* schema) {
  const Releases releases{array, schema};
  Describer describer;
  describer.schema(*schema);
  describer.array(*array, *schema);
  ArrowBatch batch;
  batch.room_ = describer.make();
  batch.bytes_ = batch.room_.bytes;
  return batch;
}

void ArrowBatch::to_arrow(ArrowArray* array, ArrowSchema* schema) const {
  if (bytes_.empty()) {
    ArrowSchema table{};
    table.format = "+s";
    table.release = [](ArrowSchema* which) { which->release = nullptr; };
    ArrowArray rows{};
    rows.n_buffers = 1;
    static const void* no_buffer = nullptr;
    rows.buffers = &no_buffer;
    rows.release = [](ArrowArray* which) { which->release = nullptr; };
    *schema = table;
    *array = rows;
    return;
  }
  Reader reader(bytes_, room_.owner);
  reader.schema(*schema);
  try {
    reader.array(*array, *schema);
  } catch (...) {
    schema->release(schema);
    throw;
  }
}

std::int64_t ArrowBatch::rows() const {
  ArrowArray array{};
  ArrowSchema schema{};
  to_arrow(&array, &schema);
  const Releases releases{&array, &schema};
  return array.length;
}

std::int64_t ArrowBatch::columns() const {
  ArrowArray array{};
  ArrowSchema schema{};
  to_arrow(&array, &schema);
  const Releases releases{&array, &schema};
  return schema.n_children;
}

void ArrowBatch::pack(detail::ValueWriter& writer) const {
  writer.align(kAlignment);
  if (!bytes_.empty()) return writer.put_large(bytes_.data(), bytes_.size());
  constexpr std::array<std::byte, kHeaderBytes> kNothing{};
  writer.put(kNothing.data(), kNothing.size());
}

void ArrowBatch::unpack(detail::ValueReader& reader) {
  reader.align(kAlignment);
  std::uint64_t size = 0;
  detail::ByteView rest = reader.rest();
  if (rest.size() < kHeaderBytes) throw DecodeError("an Arrow batch is cut short");
  std::memcpy(&size, rest.data(), sizeof size);
  if (size == 0) size = kHeaderBytes;
  if (size < kHeaderBytes) throw DecodeError("an Arrow batch has an impossible size");
  detail::Value block = reader.take_block(size);
  bytes_ = size == kHeaderBytes ? detail::ByteView() : block.bytes;
  room_ = {{}, std::move(block.owner), 0};
}

}  // namespace morrow
