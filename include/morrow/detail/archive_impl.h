// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include <morrow/detail/aggregate.h>
#include <morrow/detail/archive.h>
#include <morrow/detail/codec.h>
#include <morrow/detail/padding.h>
#include <morrow/detail/sendable.h>
#include <morrow/detail/standard_types.h>

namespace morrow::detail {

/// Read and written field by field.
template <class T>
concept TakenApart = !AnyFuture<T> && !SelfPacked<T> && !SequenceTraits<T>::value && !CerealKnows<T> &&
                     !BaseClassOf<T> && is_plain_aggregate<T>();

template <class T>
void ValueWriter::write(const T& value) {
  if constexpr (AnyFuture<T>) {
    futures_.push_back(value.id());
    put(&futures_.back(), sizeof(FutureId));
  } else if constexpr (SelfPacked<T>) {
    value.pack(*this);
  } else if constexpr (std::is_same_v<T, std::string>) {
    put_size(value.size());
    put_large(value.data(), value.size());
  } else if constexpr (Raw<T>) {
    write_raw(std::addressof(value), 1);
  } else if constexpr (SequenceTraits<T>::value) {
    write_sequence(value);
  } else if constexpr (HasCodec<T>) {
    Codec<T>::write(*this, value);
  } else if constexpr (BaseClassOf<T>) {
    write(*value.base_ptr);
  } else if constexpr (CerealKnows<T> && !IsPointerLike<T>::value) {
    // Functions of users may write what lives for a moment only.
    Packed* const packed = std::exchange(packed_, nullptr);
    archive_.get<OutArchive>(*this).by_cereal(value);
    packed_ = packed;
  } else if constexpr (TakenApart<T> && is_sendable<T>()) {
    with_fields(value, [this](const auto&... fields) { (this->write(fields), ...); });
  } else {
    check_sendable<T>();
  }
}

template <class T>
void ValueWriter::write_raw(const T* values, std::size_t count) {
  if constexpr (RawMayHoldFuture<T>::value) may_hold_futures_ = may_hold_futures_ || count != 0;
  if constexpr (std::has_unique_object_representations_v<T> || Scalar<T>) {
    put_large(values, count * sizeof(T));
  } else {
    const std::size_t start = bytes_.size();
    put(values, count * sizeof(T));
    for (std::size_t at = start; at < bytes_.size(); at += sizeof(T)) {
      alignas(T) std::byte copy[sizeof(T)];
      std::memcpy(copy, bytes_.data() + at, sizeof(T));
      clear_padding(reinterpret_cast<T*>(copy));
      std::memcpy(bytes_.data() + at, copy, sizeof(T));
    }
  }
}

template <class T>
void ValueWriter::write_sequence(const T& sequence) {
  using Element = typename T::value_type;
  put_size(sequence.size());
  if constexpr (IsVector<T>::value && Raw<Element>) {
    write_raw(sequence.data(), sequence.size());
  } else {
    for (const auto& element : sequence) write(element);
  }
}

template <class T>
void ValueReader::read(T&& value) {
  using Type = std::remove_cvref_t<T>;
  if constexpr (AnyFuture<Type>) {
    FutureId id;
    take(&id, sizeof id);
    value = Type(id);
  } else if constexpr (SelfPacked<Type>) {
    value.unpack(*this);
  } else if constexpr (Raw<Type>) {
    if constexpr (std::is_same_v<Type, bool>)
      value = take_raw<Type>();
    else
      take(const_cast<void*>(static_cast<const volatile void*>(&value)), sizeof value);
  } else if constexpr (SequenceTraits<Type>::value) {
    check_depth();
    read_sequence(value);
  } else if constexpr (HasCodec<Type>) {
    replace(value);
  } else if constexpr (BaseClassOf<Type>) {
    check_depth();
    read(*value.base_ptr);
  } else if constexpr (CerealKnows<Type> && !IsPointerLike<Type>::value) {
    check_depth();
    archive_.get<InArchive>(*this).by_cereal(std::forward<T>(value));
  } else if constexpr (TakenApart<Type> && is_sendable<Type>()) {
    replace(value);
  } else {
    check_sendable<Type>();
  }
}

template <class T>
void ValueReader::read_sequence(T& sequence) {
  using Element = typename T::value_type;
  const std::size_t size = take_size();
  sequence.clear();
  if constexpr (IsVector<T>::value && Raw<Element> && !std::is_same_v<Element, bool> &&
                std::is_default_constructible_v<Element>) {
    if (size > bytes_.size() / sizeof(Element))
      throw DecodeError("a serialized value claims more elements than it has bytes");
    sequence.reserve(size);
    expect_writes(sequence.data(), size * sizeof(Element));
    sequence.resize(size);
    take(static_cast<void*>(sequence.data()), size * sizeof(Element));
  } else {
    for (std::size_t i = 0; i < size; ++i) {
      if constexpr (Raw<Element> || HasCodec<Element> || TakenApart<Element>)
        sequence.push_back(make<Element>());
      else
        read(sequence.emplace_back());
    }
  }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // of an int to a bit-field

template <class T>
T ValueReader::make() {
  if constexpr (Raw<T>) {
    return take_raw<T>();
  } else if constexpr (HasCodec<T>) {
    check_depth();
    return Codec<T>::make(*this);
  } else if constexpr (TakenApart<T>) {
    check_depth();
    // The elements of a list in braces are made in order.
    return [this]<class... Fields>(TypeList<Fields...>) {
      return T{this->make<std::remove_cv_t<Fields>>()...};
    }(FieldTypes<T>{});
  } else {
    T value{};
    read(value);
    return value;
  }
}

#pragma GCC diagnostic pop

/// In place of `value`, which may have parts that can't be assigned to.
template <class T>
void ValueReader::replace(T& value) {
  if constexpr (std::is_move_assignable_v<T>) {
    value = make<T>();
  } else {
    auto made = make<std::remove_cv_t<T>>();
    std::destroy_at(std::addressof(value));
    std::construct_at(const_cast<std::remove_cv_t<T>*>(std::addressof(value)), std::move(made));
  }
}

}  // namespace morrow::detail
