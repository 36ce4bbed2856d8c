// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include <cereal/cereal.hpp>

#include <morrow/detail/core.h>
#include <morrow/detail/future_traits.h>
#include <morrow/detail/own_functions.h>
#include <morrow/error.h>
#include <morrow/pointer_free.h>

/// How values travel: bytes one after another in contiguous memory. Types that are plain bytes are copied, plain
/// aggregates are taken apart, and the rest is what cereal makes of it.
namespace morrow::detail {

/// Copied as bytes.
template <class T>
concept Raw = !AnyFuture<T> && std::is_object_v<T> && !std::is_array_v<T> && std::is_move_constructible_v<T> &&
              copied_as_bytes<T>();

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

/// Whether T is a std::vector.
template <class T>
struct IsVector : std::false_type {};
template <class T, class A>
struct IsVector<std::vector<T, A>> : std::true_type {};

/// Whether raw bytes of T could hide a Future, which is 16 bytes of integers.
template <class T>
struct RawMayHoldFuture : std::bool_constant<std::is_class_v<T> && sizeof(T) >= sizeof(FutureId)> {};
template <class T, std::size_t N>
struct RawMayHoldFuture<std::array<T, N>> : RawMayHoldFuture<T> {};
template <ComplexNumber T>
struct RawMayHoldFuture<T> : std::false_type {};

class OutArchive;
class InArchive;
class ValueWriter;
class ValueReader;

/// Types of Morrow that know how to travel.
template <class T>
concept SelfPacked = requires(const T& value, T& target, ValueWriter& writer, ValueReader& reader) {
  value.pack(writer);
  target.unpack(reader);
};

/// What cereal reads a shared pointer through.
template <class T>
concept SharedWrapper = requires(T& wrapper) {
  { wrapper.ptr.use_count() } -> std::same_as<long>;
  *wrapper.ptr;
};

/// An object of a type that only those know who need it: what does not is not compiled for it.
class Lazy {
 public:
  Lazy() = default;
  Lazy(const Lazy&) = delete;
  Lazy& operator=(const Lazy&) = delete;
  ~Lazy() {
    if (object_ != nullptr) destroy_(object_);
  }
  template <class T, class Argument>
  T& get(Argument& argument) {
    if (object_ == nullptr) {
      object_ = new T(argument);
      destroy_ = [](void* object) { delete static_cast<T*>(object); };
    }
    return *static_cast<T*>(object_);
  }

 private:
  void* object_ = nullptr;
  void (*destroy_)(void*) = nullptr;
};

/// Writes values behind each other into `bytes`.
class ValueWriter {
 public:
  explicit ValueWriter(Bytes& bytes) : bytes_(bytes) {}
  /// Large pieces of the values are only referred to: `packed` must be used before they are gone.
  explicit ValueWriter(Packed& packed) : bytes_(packed.bytes), packed_(&packed) {}

  /// For values that are gone sooner.
  template <class T>
  void write_copy(const T& value) {
    Packed* const packed = std::exchange(packed_, nullptr);
    write(value);
    packed_ = packed;
  }

  /// Fills up with zeros to a multiple of `alignment` from the start.
  void align(std::size_t alignment) {
    static constexpr std::byte kZeros[kAlignment]{};
    if (const std::size_t over = size() % alignment; over != 0) put(kZeros, alignment - over);
  }

  /// As `put`, for pieces of any size that live as long as the value.
  void put_large(const void* data, std::size_t size) {
    if (packed_ == nullptr || size < kReferredBytes) return put(data, size);
    packed_->pieces.push_back({bytes_.size(), {static_cast<const std::byte*>(data), size}});
    packed_->referenced += size;
  }
  void note_futures() { may_hold_futures_ = true; }

  template <class T>
  void write(const T& value);

  void put(const void* data, std::size_t size) {
    if (size != 0) append(bytes_, data, size);
  }

  void put_size(std::uint64_t size) {
    for (; size >= 0x80; size >>= 7) put_byte(static_cast<std::uint8_t>(size | 0x80));
    put_byte(static_cast<std::uint8_t>(size));
  }

  /// The futures that were written as such.
  const std::vector<FutureId>& futures() const { return futures_; }
  /// False when provably no future was written.
  bool may_hold_futures() const { return may_hold_futures_ || !futures_.empty(); }

 private:
  static constexpr std::size_t kReferredBytes = 32 << 10;

  std::size_t size() const { return bytes_.size() + (packed_ == nullptr ? 0 : packed_->referenced); }
  void put_byte(std::uint8_t byte) { append(bytes_, &byte, 1); }
  template <class T>
  void write_raw(const T* values, std::size_t count);
  template <class T>
  void write_sequence(const T& sequence);

  Bytes& bytes_;
  Packed* packed_ = nullptr;  // null: everything is copied
  std::vector<FutureId> futures_;
  bool may_hold_futures_ = false;
  Lazy archive_;  // one for all, so that shared pointers are known again
};

/// Reads what ValueWriter wrote. Every read checks the bounds. \throws DecodeError
class ValueReader {
 public:
  /// `owner` keeps the bytes: what is read may refer to them for as long as it likes.
  explicit ValueReader(ByteView bytes, std::shared_ptr<const void> owner = nullptr)
      : bytes_(bytes), size_(bytes.size()), owner_(std::move(owner)) {}

  void align(std::size_t alignment) {
    const std::size_t over = (size_ - bytes_.size()) % alignment;
    if (over != 0) skip(alignment - over);
  }

  /// The next bytes, aligned to kAlignment: as they lie there, or a copy when that is not possible.
  Value take_block(std::size_t size);

  template <class T>
  void read(T&& value);

  /// A value, whether or not it has a default constructor.
  template <class T>
  T make();

  void take(void* data, std::size_t size) {
    if (size > bytes_.size()) throw DecodeError("a serialized value is cut short");
    if (size >= kCalledBytes) {
      copy_bytes(data, bytes_.data(), size);
    } else if (size != 0) {
      std::memcpy(data, bytes_.data(), size);
    }
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
  ByteView rest() const { return bytes_; }

  void skip(std::size_t size) {
    if (size > bytes_.size()) throw DecodeError("a serialized value is cut short");
    bytes_ = bytes_.subspan(size);
  }

 private:
  template <class T>
  void read_sequence(T& sequence);
  template <class T>
  void replace(T& value);

  // A byte can be a level of something nested, so bytes can ask for more stack than there is.
  void check_depth() const {
    if (std::abs(place() - start_) > kMaxStackBytes)
      throw DecodeError("a serialized value is nested too deeply to be read: send it flat, for example as a vector");
  }
  static std::ptrdiff_t place() { return reinterpret_cast<std::ptrdiff_t>(__builtin_frame_address(0)); }
  static constexpr std::ptrdiff_t kMaxStackBytes = 4 << 20;

  static constexpr std::size_t kCalledBytes = 1 << 20;

  ByteView bytes_;
  std::size_t size_;  // of all
  std::shared_ptr<const void> owner_;
  std::ptrdiff_t start_ = place();
  Lazy archive_;
};

/// What cereal and users' functions for it are given to write to. Made only for types that need it: it has tables for
/// shared pointers, which cost time to make and much more to compile.
class OutArchive : public cereal::OutputArchive<OutArchive> {
 public:
  explicit OutArchive(ValueWriter& writer) : OutputArchive(this), writer_(writer) {}

  template <class... Values>
  OutArchive& operator()(Values&&... values) {
    (writer_.write(values), ...);
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
  template <class T>
  void by_cereal(const T& value) {
    OutputArchive::operator()(value);
  }
  void put(const void* data, std::size_t size) { writer_.put(data, size); }
  void put_size(std::uint64_t size) { writer_.put_size(size); }

 private:
  ValueWriter& writer_;
};

/// The same to read from. \throws DecodeError
class InArchive : public cereal::InputArchive<InArchive> {
 public:
  explicit InArchive(ValueReader& reader) : InputArchive(this), reader_(reader) {}

  template <class... Values>
  InArchive& operator()(Values&&... values) {
    (reader_.read(values), ...);
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
  template <class T>
  void by_cereal(T&& value) {
    if constexpr (SharedWrapper<std::remove_cvref_t<T>>) wanted_ = &typeid(*value.ptr);
    InputArchive::operator()(std::forward<T>(value));
  }

  // In place of cereal's, which give an object out as whatever type the bytes ask for.
  void registerSharedPointer(std::uint32_t id, const std::shared_ptr<void>& object) {  // NOLINT: cereal's name
    types_[id & ~cereal::detail::msb_32bit] = wanted_;
    InputArchive::registerSharedPointer(id, object);
  }
  std::shared_ptr<void> getSharedPointer(std::uint32_t id) {  // NOLINT: cereal's name
    const auto type = types_.find(id);
    if (id != 0 && (type == types_.end() || *type->second != *wanted_))
      throw DecodeError("a serialized shared pointer names no object of its type");
    return InputArchive::getSharedPointer(id);
  }

  void take(void* data, std::size_t size) { reader_.take(data, size); }
  std::uint64_t take_size() { return reader_.take_size(); }
  template <Raw T>
  T take_raw() {
    return reader_.template take_raw<T>();
  }

 private:
  ValueReader& reader_;
  const std::type_info* wanted_ = nullptr;  // by the shared pointer that is being read
  std::unordered_map<std::uint32_t, const std::type_info*> types_;
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
