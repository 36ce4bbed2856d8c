// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <morrow/array.h>

namespace morrow {

/// Bytes that are being written; becomes a Buffer. See MutableArray.
class MutableBuffer : public MutableArray<std::byte> {
 public:
  /// The same memory as characters.
  char* text() { return reinterpret_cast<char*>(data()); }

 private:
  friend class Buffer;
  explicit MutableBuffer(MutableArray<std::byte>&& made) : MutableArray(std::move(made)) {}
};

/// Bytes of any number, immutable, read where they lie by every process of the machine. See Array.
class Buffer : public Array<std::byte> {
 public:
  Buffer() = default;
  Buffer(MutableBuffer&& made)  // NOLINT(google-explicit-constructor): what a task returns becomes its result
      : Array(std::move(static_cast<MutableArray<std::byte>&>(made))) {}
  /// A copy of these bytes.
  explicit Buffer(std::span<const std::byte> bytes) : Array(bytes) {}
  explicit Buffer(std::string_view text) : Array(std::as_bytes(std::span(text.data(), text.size()))) {}

  /// Room for `size` bytes: write them all. \throws ObjectMemoryError
  static MutableBuffer make(std::size_t size) { return MutableBuffer(Array::make(size)); }

  /// The bytes as characters.
  std::string_view text() const { return {reinterpret_cast<const char*>(data()), size()}; }
};

}  // namespace morrow
