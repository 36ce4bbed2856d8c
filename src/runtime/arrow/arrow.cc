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

#include "runtime/arrow/describer.h"
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
using runtime::aligned;
using runtime::kHeaderBytes;
using runtime::kMaxDepth;
using runtime::Layout;

/// Releases the data that a caller gave us, whatever happens.
struct ReleaseGuard {
  ArrowArray* array;
  ArrowSchema* schema;
  ~ReleaseGuard() {
    if (array->release != nullptr) array->release(array);
    if (schema->release != nullptr) schema->release(schema);
  }
};

/// A program that imports a schema walks through its metadata by the lengths in it. \throws DecodeError
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
    ChildrenGuard<ArrowSchema> guard{owned->children, 0};
    for (ArrowSchema& child : owned->children) {
      schema(child, depth + 1);
      ++guard.made;
      owned->pointers.push_back(&child);
    }
    if (number() != 0) {
      owned->dictionary = std::make_unique<ArrowSchema>();
      schema(*owned->dictionary, depth + 1);
    }
    guard.made = 0;
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
    ChildrenGuard<ArrowArray> guard{owned->children, 0};
    for (std::int64_t i = 0; i < schema.n_children; ++i) {
      ArrowArray& child = owned->children[static_cast<std::size_t>(i)];
      array(child, *schema.children[i]);
      ++guard.made;
      owned->pointers.push_back(&child);
    }
    if (schema.dictionary != nullptr) {
      owned->dictionary = std::make_unique<ArrowArray>();
      array(*owned->dictionary, *schema.dictionary);
    }
    guard.made = 0;
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
  struct ChildrenGuard {
    std::vector<Struct>& all;
    std::size_t made;
    ~ChildrenGuard() {
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
  const ReleaseGuard guard{array, schema};
  runtime::Describer describer;
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
  const ReleaseGuard guard{&array, &schema};
  return array.length;
}

std::int64_t ArrowBatch::columns() const {
  ArrowArray array{};
  ArrowSchema schema{};
  to_arrow(&array, &schema);
  const ReleaseGuard guard{&array, &schema};
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
