// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Elements that are being written: in the object memory when there are many, so that returning or putting them costs
/// no copy. Becomes an Array when it is returned from a task, given to `put`, or moved into one; nothing can be written
/// from then on. Move-only. Not thread-safe, but distinct elements may be written by distinct threads.
template <class T>
class MutableArray {
 public:
  using value_type = T;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  /// The extent of each dimension; the last one varies fastest.
  std::span<const std::uint64_t> shape() const { return {header_.shape.data(), header_.rank}; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  MutableArray(MutableArray&& other) noexcept { *this = std::move(other); }
  MutableArray& operator=(MutableArray&& other) noexcept {
    room_ = std::exchange(other.room_, {});
    header_ = std::exchange(other.header_, {});
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

 protected:
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
};

/// Elements of plain bytes, one after another, in one or more dimensions: immutable, and shared by all copies of the
/// Array. One that comes out of a Future is read where it lies, in memory shared by all processes of the machine, with
/// no copy; it stays there as long as any copy of the Array. To make one, write a MutableArray:
///
///     auto squares = morrow::Array<double>::make(n);
///     for (std::size_t i = 0; i < n; ++i) squares[i] = double(i) * double(i);
///     return squares;
///
/// Reading is thread-safe. Writing to it does not compile, and a write by force (a pointer kept from the MutableArray)
/// faults in the writer.
template <class T>
class Array {
 public:
  static_assert(detail::Raw<T>, "morrow::Array holds plain bytes: its elements can have no pointer in them");
  static_assert(alignof(T) <= detail::kAlignment,
                "morrow::Array aligns its elements to 64 bytes and no more: give their type a smaller alignas");
  using value_type = T;
  using iterator = const T*;
  using const_iterator = const T*;

  Array() = default;
  /// Final from here on.
  Array(MutableArray<T>&& made)  // NOLINT(google-explicit-constructor): what a task returns becomes its result
      : room_(std::exchange(made.room_, {})),
        header_(std::exchange(made.header_, {})),
        data_(std::exchange(made.data_, nullptr)),
        size_(std::exchange(made.size_, 0)) {
    detail::seal(room_);
  }
  /// A copy of these elements.
  explicit Array(std::span<const T> elements) : header_({elements.size()}, sizeof(T)), size_(elements.size()) {
    const std::array<detail::ByteView, 3> pieces{std::as_bytes(std::span(&header_, 1)), fill(header_),
                                                 std::as_bytes(elements)};
    room_ = detail::make_copy(pieces);
    data_ = reinterpret_cast<const T*>(room_.bytes.data() + header_.begin);
  }

  /// Room for `size` elements, all zero or whatever was there before: write them all. \throws ObjectMemoryError
  static MutableArray<T> make(std::size_t size) { return MutableArray<T>(detail::ArrayHeader({size}, sizeof(T))); }
  /// The same with several dimensions.
  static MutableArray<T> make(std::initializer_list<std::size_t> shape) {
    return MutableArray<T>(detail::ArrayHeader(shape, sizeof(T)));
  }

  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// The extent of each dimension; the last one varies fastest.
  std::span<const std::uint64_t> shape() const { return {header_.shape.data(), header_.rank}; }
  std::span<const T> span() const { return {data_, size_}; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  /// The element at these indices, one for each dimension; they are not checked.
  template <class... Index>
  requires(sizeof...(Index) > 1) const T& operator()(Index... index) const {
    std::size_t at = 0;
    std::size_t dimension = 0;
    ((at = at * header_.shape[dimension++] + static_cast<std::size_t>(index)), ...);
    return data_[at];
  }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  // For Morrow's own use.
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

}  // namespace morrow
