#pragma once

#include <array>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <cereal/cereal.hpp>

#include <morrow/detail/core.h>
#include <morrow/detail/future_traits.h>
#include <morrow/error.h>
#include <morrow/pointer_free.h>

/// The archives that values travel in: bytes one after another in contiguous memory. Types that are plain bytes are
/// copied, plain aggregates are taken apart by Boost.PFR, and the rest is what cereal makes of it.
namespace morrow::detail {

/// Copied as bytes.
template <class T>
concept Raw =
    !AnyFuture<T> && std::is_object_v<T> && !std::is_array_v<T> && std::is_move_constructible_v<T> && PointerFree<T>;

/// Numbers and enumerations: no padding, and no room for a future.
template <class T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Containers whose elements are appended one at a time, so that a false size cannot make them allocate.
template <class T>
struct SequenceTraits : std::false_type {};
template <class T, class A>
struct SequenceTraits<std::vector<T, A>> : std::bool_constant<!std::is_same_v<T, bool>> {};
template <class T, class A>
struct SequenceTraits<std::deque<T, A>> : std::true_type {};
template <class T, class A>
struct SequenceTraits<std::list<T, A>> : std::true_type {};

/// Containers with equal keys, whose order cereal turns around.
template <class T>
concept OrderedMulti = requires(T& container, typename T::value_type element) {
  typename T::key_compare;
  { container.insert(std::move(element)) } -> std::same_as<typename T::iterator>;
};

template <class T>
struct IsVector : std::false_type {};
template <class T, class A>
struct IsVector<std::vector<T, A>> : std::true_type {};

/// Whether raw bytes of T could hide a Future, which is 16 bytes of integers.
template <class T>
struct RawMayHoldFuture : std::bool_constant<std::is_class_v<T> && sizeof(T) >= sizeof(FutureId)> {};
template <class T, std::size_t N>
struct RawMayHoldFuture<std::array<T, N>> : RawMayHoldFuture<T> {};
template <class T>
struct RawMayHoldFuture<std::complex<T>> : std::false_type {};

class OutArchive;
class InArchive;

/// Users gave T functions for cereal, or cereal brings them.
template <class T>
concept CerealKnows = cereal::traits::detail::count_output_serializers<T, OutArchive>::value != 0 ||
                      cereal::traits::detail::count_input_serializers<T, InArchive>::value != 0;

/// Writes values behind each other into `bytes`.
class OutArchive : public cereal::OutputArchive<OutArchive> {
 public:
  explicit OutArchive(Bytes& bytes) : OutputArchive(this), bytes_(bytes) {}

  template <class... Values>
  OutArchive& operator()(Values&&... values) {
    (write(values), ...);
    return *this;
  }
  template <class T>
  OutArchive& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  OutArchive& operator<<(T&& value) {
    return (*this)(value);
  }

  void put(const void* data, std::size_t size) {
    if (size == 0) return;
    const std::size_t at = bytes_.size();
    bytes_.resize(at + size);
    std::memcpy(bytes_.data() + at, data, size);
  }

  void put_size(std::uint64_t size) {
    for (; size >= 0x80; size >>= 7) bytes_.push_back(static_cast<std::byte>(size | 0x80));
    bytes_.push_back(static_cast<std::byte>(size));
  }

  /// The futures that were written as such.
  const std::vector<FutureId>& futures() const { return futures_; }
  /// False when provably no future was written.
  bool may_hold_futures() const { return may_hold_futures_ || !futures_.empty(); }

 private:
  template <class T>
  void write(const T& value);
  template <class T>
  void write_raw(const T* values, std::size_t count);
  template <class T>
  void write_sequence(const T& sequence);

  Bytes& bytes_;
  std::vector<FutureId> futures_;
  bool may_hold_futures_ = false;
};

/// Reads what OutArchive wrote. Every read checks the bounds. \throws DecodeError
class InArchive : public cereal::InputArchive<InArchive> {
 public:
  explicit InArchive(ByteView bytes) : InputArchive(this), bytes_(bytes) {}

  template <class... Values>
  InArchive& operator()(Values&&... values) {
    (read(values), ...);
    return *this;
  }
  template <class T>
  InArchive& operator&(T&& value) {
    return (*this)(value);
  }
  template <class T>
  InArchive& operator>>(T&& value) {
    return (*this)(value);
  }

  void take(void* data, std::size_t size) {
    if (size > bytes_.size()) throw DecodeError("a serialized value is cut short");
    if (size != 0) std::memcpy(data, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
  }

  /// A number of elements; each has at least one byte, so more than there are bytes is an error.
  std::uint64_t take_size() {
    std::uint64_t size = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      std::uint8_t part = 0;
      take(&part, 1);
      size |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if ((part & 0x80) == 0) {
        if (size > bytes_.size()) throw DecodeError("a serialized value claims more elements than it has bytes");
        return size;
      }
    }
    throw DecodeError("a serialized value has a size that is no number");
  }

  /// A value made from its raw bytes; needs no default constructor.
  template <Raw T>
  T take_raw() {
    RawBytes<sizeof(T)> bytes;
    take(&bytes, sizeof bytes);
    if constexpr (std::is_same_v<T, bool>) {
      if (bytes.data[0] > 1) throw DecodeError("a serialized bool is neither true nor false");
    }
    return __builtin_bit_cast(T, bytes);
  }

  std::size_t left() const { return bytes_.size(); }

 private:
  template <class T>
  void read(T&& value);
  template <class T>
  void read_sequence(T& sequence);
  template <class T>
  void read_ordered(T& container);

  ByteView bytes_;
};

// What cereal calls for the leaves of its own types.
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive, const T& value) { archive.put(&value, sizeof value); }
template <class T>
requires std::is_arithmetic_v<T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, T& value) { value = archive.take_raw<T>(); }
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive, const cereal::BinaryData<T>& data) {
  archive.put(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, cereal::BinaryData<T>& data) {
  archive.take(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive, const cereal::SizeTag<T>& tag) {
  archive.put_size(tag.size);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, cereal::SizeTag<T>& tag) {
  tag.size = static_cast<std::remove_reference_t<T>>(archive.take_size());
}
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive, const cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

}  // namespace morrow::detail

CEREAL_REGISTER_ARCHIVE(morrow::detail::OutArchive)
CEREAL_REGISTER_ARCHIVE(morrow::detail::InArchive)
CEREAL_SETUP_ARCHIVE_TRAITS(morrow::detail::InArchive, morrow::detail::OutArchive)
