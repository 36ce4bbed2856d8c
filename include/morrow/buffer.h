// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Buffer and MutableBuffer: bytes in memory that the processes of a machine share.

#include <morrow/detail/compiler.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <morrow/array.h>

namespace morrow {

/// \addtogroup values
/// \{

/// Bytes that are being written; Buffer::make makes it, and it becomes a Buffer as a MutableArray becomes an Array.
class MutableBuffer : public MutableArray<std::byte> {
 public:
  /// The first byte as a character; there are `size()` of them, and no zero follows.
  char* text() { return reinterpret_cast<char*>(data()); }

 private:
  friend class Buffer;
  explicit MutableBuffer(MutableArray<std::byte>&& made) : MutableArray(std::move(made)) {}
};

/// Bytes, any number of them: immutable, and read where they lie by every process of the machine. All that is said of
/// Array holds for it.
class Buffer : public Array<std::byte> {
 public:
  /// A Buffer with no bytes.
  Buffer() = default;
  /// Takes the bytes of `made`, with no copy. They are final from here on, and `made` has none.
  Buffer(MutableBuffer&& made)  // NOLINT(google-explicit-constructor): what a task returns becomes its result
      : Array(std::move(static_cast<MutableArray<std::byte>&>(made))) {}
  /// Copies `bytes`.
  /// \throws ObjectMemoryError when the object memory has no room for them.
  /// \throws SessionError when there was a session and it is lost.
  explicit Buffer(std::span<const std::byte> bytes) : Array(bytes) {}
  /// Copies the characters of `text`.
  /// \throws ObjectMemoryError when the object memory has no room for them.
  /// \throws SessionError when there was a session and it is lost.
  explicit Buffer(std::string_view text) : Array(std::as_bytes(std::span(text.data(), text.size()))) {}

  /// Memory for `size` bytes to be written, which becomes a Buffer. They have any value at first: write all. Like
  /// Array::make, also in what it throws. Thread-safe.
  /// \throws ObjectMemoryError when the object memory has no room for them.
  static MutableBuffer make(std::size_t size) { return MutableBuffer(Array::make(size)); }

  /// The bytes as characters; valid as long as any copy of this Buffer.
  std::string_view text() const { return {reinterpret_cast<const char*>(data()), size()}; }
};

/// \}

}  // namespace morrow
