// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// Array and MutableArray: many elements in memory that the processes of a machine share.

#include <morrow/detail/compiler.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <morrow/detail/archive.h>
#include <morrow/detail/core.h>
#include <morrow/detail/future_traits.h>

namespace morrow {

namespace detail {

inline constexpr std::size_t kMaxRank = 7;
inline constexpr std::size_t kLargeArray = 1 << 20;
inline constexpr std::size_t kArrayPage = 4096;

/// What stands before the elements of an Array in memory: 64 bytes, so that they are aligned as it is. Those of a large
/// one begin a page later: then copies from most other memory are quick, see copy_bytes.
struct ArrayHeader {
  std::uint32_t rank = 0;
  std::uint32_t begin = kAlignment;  ///< of the elements, from the header's own
  std::array<std::uint64_t, kMaxRank> shape{};

  ArrayHeader() = default;
  /// \throws std::invalid_argument
  ArrayHeader(std::initializer_list<std::size_t> dimensions, std::size_t element_size) {
    if (dimensions.size() == 0 || dimensions.size() > kMaxRank)
      throw std::invalid_argument("an Array has 1 to 7 dimensions");
    for (const std::size_t dimension : dimensions) shape[rank++] = dimension;
    if (bytes(element_size) >= kLargeArray) begin = kArrayPage;
  }

  /// Of all elements. \throws std::invalid_argument when that is no number
  std::size_t bytes(std::size_t element_size) const {
    std::size_t total = element_size;
    if (rank == 0 || rank > kMaxRank) throw std::invalid_argument("an Array has 1 to 7 dimensions");
    for (std::size_t i = 0; i < rank; ++i) {
      if (__builtin_mul_overflow(total, shape[i], &total) || total > std::numeric_limits<std::int64_t>::max())
        throw std::invalid_argument("an Array can't have so many elements");
    }
    return total;
  }
};
static_assert(sizeof(ArrayHeader) == kAlignment);

}  // namespace detail

/// \addtogroup values
/// \{

/// Elements that are being written; Array::make makes it.
///
/// Many elements lie in the object memory from the start, so that returning or putting them costs no copy. A
/// MutableArray becomes an Array when a task returns it, when it is given to put(), or when an Array is made of it.
/// From then on nothing can be written: a write through a pointer that was kept faults.
///
/// Move-only. Not thread-safe, but distinct threads may write distinct elements.
template <class T>
class MutableArray {
 public:
  using value_type = T;  ///< The type of an element.

  /// The first element, aligned to 64 bytes; the others follow it in row-major order.
  T* data() { return data_; }
  /// The same, to be read.
  const T* data() const { return data_; }
  /// The number of elements in all dimensions together.
  std::size_t size() const { return size_; }
  /// The extent of each dimension, in elements; the last one varies fastest.
  std::span<const std::uint64_t> shape() const { return {header_.shape.data(), header_.rank}; }
  /// All elements, in row-major order; valid as long as this object is not moved.
  std::span<T> span() { return {data_, size_}; }
  /// The same, to be read.
  std::span<const T> span() const { return {data_, size_}; }
  /// The element at position `i` in row-major order; `i` is not checked.
  T& operator[](std::size_t i) { return data_[i]; }
  /// The same, to be read.
  const T& operator[](std::size_t i) const { return data_[i]; }
  /// An iterator to the first element.
  T* begin() { return data_; }
  /// An iterator behind the last element.
  T* end() { return data_ + size_; }
  /// An iterator to the first element, to be read.
  const T* begin() const { return data_; }
  /// An iterator behind the last element, to be read.
  const T* end() const { return data_ + size_; }

  /// Takes the elements of `other`, which has none afterwards.
  MutableArray(MutableArray&& other) noexcept { *this = std::move(other); }
  /// Drops its own elements and takes those of `other`, which has none afterwards.
  MutableArray& operator=(MutableArray&& other) noexcept {
    room_ = std::exchange(other.room_, {});
    header_ = std::exchange(other.header_, {});
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

 protected:
  // For Array and MutableBuffer: the reference leaves it out.
  /// \cond
  friend class Array<T>;
  explicit MutableArray(const detail::ArrayHeader& header) : header_(header) {
    const std::size_t bytes = header.bytes(sizeof(T));
    room_ = detail::make_room(header.begin + bytes);
    new (room_.bytes.data()) detail::ArrayHeader(header);
    data_ = reinterpret_cast<T*>(room_.bytes.data() + header.begin);
    size_ = bytes / sizeof(T);
  }

  detail::Room room_;
  detail::ArrayHeader header_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
  /// \endcond
};

/// Elements of plain bytes in one to seven dimensions: immutable, and shared by all copies of the Array.
///
/// An Array that comes out of a Future is read where it lies, in memory that all processes of the machine share, with
/// no copy. The elements stay there as long as any copy of the Array exists, also when the future is released. To make
/// one, write a MutableArray:
///
///     auto squares = morrow::Array<double>::make(n);
///     for (std::size_t i = 0; i < n; ++i) squares[i] = double(i) * double(i);
///     return squares;
///
/// The elements lie in row-major order. Writing to them does not compile, and a write by force faults.
///
/// \tparam T plain bytes with no pointer in them (\ref morrow::PointerFree), no Future, aligned to 64 bytes at the
/// most; other types do not compile. A std::vector of any type that travels can be large too; it is copied when it is
/// got.
///
/// Thread-safe: any number of threads may read and copy the same Array.
template <class T>
class Array {
 public:
  static_assert(detail::Raw<T>, "morrow::Array holds plain bytes: its elements can have no pointer in them");
  static_assert(alignof(T) <= detail::kAlignment,
                "morrow::Array aligns its elements to 64 bytes and no more: give their type a smaller alignas");
  using value_type = T;             ///< The type of an element.
  using iterator = const T*;        ///< Elements are only read.
  using const_iterator = const T*;  ///< The same.

  /// An Array with no elements and no dimensions.
  Array() = default;
  /// Takes the elements of `made`, with no copy. They are final from here on, and `made` has none.
  Array(MutableArray<T>&& made)  // NOLINT(google-explicit-constructor): what a task returns becomes its result
      : room_(std::exchange(made.room_, {})),
        header_(std::exchange(made.header_, {})),
        data_(std::exchange(made.data_, nullptr)),
        size_(std::exchange(made.size_, 0)) {
    detail::seal(room_);
  }
  /// Copies `elements`, into one dimension.
  /// \throws ObjectMemoryError when the object memory has no room for them.
  /// \throws SessionError when there was a session and it is lost.
  explicit Array(std::span<const T> elements) : header_({elements.size()}, sizeof(T)), size_(elements.size()) {
    const std::array<detail::ByteView, 3> pieces{std::as_bytes(std::span(&header_, 1)), fill(header_),
                                                 std::as_bytes(elements)};
    room_ = detail::make_copy(pieces);
    data_ = reinterpret_cast<const T*>(room_.bytes.data() + header_.begin);
  }

  /// Memory for `size` elements to be written, which becomes an Array. The elements have any value at first: write all.
  ///
  /// More than 8 kB lie in the object memory; less, and everything while no Session is open, in this process. Waits
  /// while others hold the memory that is needed. Thread-safe.
  /// \throws ObjectMemoryError when the object memory has no room for them.
  /// \throws std::invalid_argument when they would be more than 2^63 - 1 bytes.
  /// \throws SessionError when there was a session and it is lost.
  static MutableArray<T> make(std::size_t size) { return MutableArray<T>(detail::ArrayHeader({size}, sizeof(T))); }
  /// The same for one to seven dimensions of these extents, the last one varying fastest: `make({rows, columns})`.
  /// \throws std::invalid_argument also for another number of dimensions.
  static MutableArray<T> make(std::initializer_list<std::size_t> shape) {
    return MutableArray<T>(detail::ArrayHeader(shape, sizeof(T)));
  }

  /// The first element, aligned to 64 bytes; the others follow it in row-major order. Null when there is none.
  const T* data() const { return data_; }
  /// The number of elements in all dimensions together.
  std::size_t size() const { return size_; }
  /// Whether there are no elements.
  bool empty() const { return size_ == 0; }
  /// The extent of each dimension, in elements; the last one varies fastest. Valid as long as this object.
  std::span<const std::uint64_t> shape() const { return {header_.shape.data(), header_.rank}; }
  /// All elements, in row-major order; valid as long as any copy of this Array.
  std::span<const T> span() const { return {data_, size_}; }
  /// The element at position `i` in row-major order; `i` is not checked.
  const T& operator[](std::size_t i) const { return data_[i]; }
  /// The element at these indices, one for each dimension; they are not checked: `matrix(row, column)`.
  template <class... Index>
  requires(sizeof...(Index) > 1) const T& operator()(Index... index) const {
    std::size_t at = 0;
    std::size_t dimension = 0;
    ((at = at * header_.shape[dimension++] + static_cast<std::size_t>(index)), ...);
    return data_[at];
  }
  /// An iterator to the first element.
  const T* begin() const { return data_; }
  /// An iterator behind the last element.
  const T* end() const { return data_ + size_; }

  // For Morrow's own use, which packs and unpacks it: the reference leaves it out.
  /// \cond
  const detail::Room& room() const { return room_; }
  static constexpr bool may_hold_futures() { return detail::RawMayHoldFuture<T>::value; }
  void pack(detail::ValueWriter& writer) const {
    detail::ArrayHeader header = header_;
    if (header.rank == 0) header.rank = 1;  // an empty one
    if (may_hold_futures() && size_ != 0) writer.note_futures();
    writer.align(detail::kAlignment);
    writer.put(&header, sizeof header);
    const detail::ByteView between = fill(header);
    writer.put(between.data(), between.size());
    writer.put_large(data_, size_ * sizeof(T));
  }
  void unpack(detail::ValueReader& reader) {
    reader.align(detail::kAlignment);
    detail::ArrayHeader header;
    reader.take(&header, sizeof header);
    std::size_t bytes = 0;
    try {
      bytes = header.bytes(sizeof(T));
    } catch (const std::invalid_argument& error) {
      throw DecodeError(error.what());
    }
    if (header.begin < sizeof header || header.begin > detail::kArrayPage || header.begin % detail::kAlignment != 0)
      throw DecodeError("the elements of an Array begin where they can't");
    reader.skip(header.begin - sizeof header);
    detail::Value block = reader.take_block(bytes);
    header_ = header;
    data_ = reinterpret_cast<const T*>(block.bytes.data());
    size_ = bytes / sizeof(T);
    room_ = {{}, std::move(block.owner), 0};
  }
  /// \endcond

 private:
  /// What stands between header and elements.
  static detail::ByteView fill(const detail::ArrayHeader& header) {
    static constexpr std::array<std::byte, detail::kArrayPage> kZeros{};
    return detail::ByteView(kZeros).first(header.begin - sizeof header);
  }

  detail::Room room_;
  detail::ArrayHeader header_;
  const T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// \}

}  // namespace morrow
