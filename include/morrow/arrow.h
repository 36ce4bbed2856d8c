// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// ArrowBatch: tables of Apache Arrow as values of futures.

#include <morrow/detail/compiler.h>

#include <cstdint>
#include <string>

#include <morrow/detail/archive.h>
#include <morrow/detail/core.h>

// The Arrow C Data Interface: these two structs are its whole ABI, and each library that takes part declares them.
// https://arrow.apache.org/docs/format/CDataInterface.html
// They are Arrow's and explained there, so the reference leaves them out.
/// \cond
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

extern "C" {

// The type of an array, as the C data interface has it.
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

// The data of an array, as the C data interface has it.
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
/// \endcond

namespace morrow {

/// \addtogroup values
/// \{

/// A table of columns in Arrow's format, or any other Arrow array: immutable, shared by all copies, and read where it
/// lies by every process of the machine.
///
/// Data comes and goes by the [Arrow C Data Interface](https://arrow.apache.org/docs/format/CDataInterface.html), which
/// every Arrow library speaks; Morrow needs none itself.
///
///     morrow::ArrowBatch batch = morrow::ArrowBatch::from_arrow(&array, &schema);  // exported by your Arrow library
///     auto future = morrow::put(batch);
///     ...
///     future.get().to_arrow(&array, &schema);                                      // imported by it again
///
/// The sizes of all buffers are checked where a batch is read. The values in them (offsets of strings and lists,
/// indices into dictionaries) are not: have the Arrow library validate a batch whose maker is not trusted.
///
/// Thread-safe: any number of threads may read and copy the same batch.
class ArrowBatch {
 public:
  /// An empty table.
  ArrowBatch() = default;

  /// Copies the buffers of `array` into the object memory.
  ///
  /// Takes both structs, which must not be null: they are released, also when it throws. Views (the formats "vu", "vz",
  /// "+vl", "+vL") are not supported: cast such columns to plain strings, binaries and lists before.
  /// \throws std::invalid_argument for a format that is not supported, or an array that does not fit its schema.
  /// \throws ObjectMemoryError when the object memory has no room for the buffers.
  /// \throws SessionError when there was a session and it is lost.
  static ArrowBatch from_arrow(ArrowArray* array, ArrowSchema* schema);

  /// Fills both structs, which must not be null; the caller releases them. Nothing is copied: the buffers stay where
  /// they are for as long as `array` is not released, also when this batch is gone.
  /// \throws DecodeError when the bytes are not those that from_arrow() made.
  void to_arrow(ArrowArray* array, ArrowSchema* schema) const;

  /// The number of rows. \throws DecodeError as to_arrow() does.
  std::int64_t rows() const;
  /// The number of columns of a table. \throws DecodeError as to_arrow() does.
  std::int64_t columns() const;

  // For Morrow's own use, which packs and unpacks it: the reference leaves it out.
  /// \cond
  const detail::Room& room() const { return room_; }
  static constexpr bool may_hold_futures() { return false; }
  void pack(detail::ValueWriter& writer) const;
  void unpack(detail::ValueReader& reader);
  /// \endcond

 private:
  detail::Room room_;       ///< what keeps `bytes_`
  detail::ByteView bytes_;  ///< arrow.cc has the layout
};

/// \}

}  // namespace morrow
