// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <morrow/detail/archive.h>
#include <morrow/detail/core.h>

// The Arrow C Data Interface: these two structs are its whole ABI, to be declared by whoever takes part.
// https://arrow.apache.org/docs/format/CDataInterface.html
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  struct ArrowSchema** children;
  struct ArrowSchema* dictionary;
  void (*release)(struct ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  struct ArrowArray** children;
  struct ArrowArray* dictionary;
  void (*release)(struct ArrowArray*);
  void* private_data;
};
}

#endif  // ARROW_C_DATA_INTERFACE

namespace morrow {

/// A table of columns in Arrow's format, or any other Arrow array: immutable, shared by all copies, and read where it
/// lies by every process of the machine. To and from every Arrow implementation by the C Data Interface. Thread-safe.
/// The sizes of all buffers are checked where it is read; the values in them (offsets of strings and lists, indices
/// into dictionaries) are those that its maker wrote: who doesn't trust the maker lets the Arrow library validate it.
///
///     morrow::ArrowBatch batch = morrow::ArrowBatch::from_arrow(&array, &schema);  // exported by your Arrow library
///     auto future = morrow::put(batch);
///     ...
///     future.get().to_arrow(&array, &schema);                                      // imported by it again
class ArrowBatch {
 public:
  /// An empty table.
  ArrowBatch() = default;

  /// Copies the buffers of `array` into the object memory. Takes both structs: they are released, also when it throws.
  /// Views ("vu", "vz", "+vl", "+vL") are not known yet: cast such columns to plain strings, binaries and lists before.
  /// \throws std::invalid_argument for a format that is not known or an array that does not fit its schema;
  /// ObjectMemoryError
  static ArrowBatch from_arrow(ArrowArray* array, ArrowSchema* schema);

  /// Fills both structs, which the caller must release. Nothing is copied: the buffers stay where they are for as long
  /// as `array` is not released. \throws DecodeError when this is not what from_arrow made
  void to_arrow(ArrowArray* array, ArrowSchema* schema) const;

  /// Rows of the table.
  std::int64_t rows() const;
  /// Fields of the table.
  std::int64_t columns() const;

  // For Morrow's own use.
  const detail::Room& room() const { return room_; }
  static constexpr bool may_hold_futures() { return false; }
  void pack(detail::ValueWriter& writer) const;
  void unpack(detail::ValueReader& reader);

 private:
  detail::Room room_;       ///< what keeps `bytes_`
  detail::ByteView bytes_;  ///< see src/runtime/arrow.cc
};

}  // namespace morrow
