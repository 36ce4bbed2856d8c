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
#include <morrow/detail/padding.h>
#include <morrow/detail/sendable.h>
#include <morrow/detail/standard_types.h>

namespace morrow::detail {

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
  } else if constexpr (SequenceTraits<T>::value || OrderedMulti<T>) {
    write_sequence(value);
  } else if constexpr (KnownByFace<T>) {
    write_known(*this, value);
  } else if constexpr (BaseClassOf<T>) {
    write(*value.base_ptr);
  } else if constexpr (CerealKnows<T> && !IsPointerLike<T>::value) {
    // Functions of users may write what lives for a moment only.
    Packed* const packed = std::exchange(packed_, nullptr);
    archive_.get<OutArchive>(*this).by_cereal(value);
    packed_ = packed;
  } else if constexpr (check_sendable<T>()) {
    for_each_field(value, [this](const auto& field) { this->write(field); });
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
  } else if constexpr (requires { typename T::mapped_type; }) {
    for (const auto& [key, value] : sequence) {
      write(key);
      write(value);
    }
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
  } else if constexpr (OrderedMulti<Type>) {
    check_depth();
    read_ordered(value);
  } else if constexpr (KnownByFace<Type>) {
    check_depth();
    read_known(*this, value);
  } else if constexpr (BaseClassOf<Type>) {
    check_depth();
    read(*value.base_ptr);
  } else if constexpr (CerealKnows<Type> && !IsPointerLike<Type>::value) {
    check_depth();
    archive_.get<InArchive>(*this).by_cereal(std::forward<T>(value));
  } else if constexpr (check_sendable<Type>()) {
    check_depth();
    for_each_field(value, [this](auto& field) { this->read(field); });
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
      if constexpr (Raw<Element>)
        sequence.push_back(take_raw<Element>());
      else
        read(sequence.emplace_back());
    }
  }
}

template <class T>
void ValueReader::read_ordered(T& container) {
  container.clear();
  for (std::uint64_t left = take_size(); left > 0; --left) {
    if constexpr (requires { typename T::mapped_type; }) {
      std::pair<typename T::key_type, typename T::mapped_type> element;
      read(element.first);
      read(element.second);
      container.emplace_hint(container.end(), std::move(element.first), std::move(element.second));
    } else {
      typename T::key_type element;
      read(element);
      container.emplace_hint(container.end(), std::move(element));
    }
  }
}

}  // namespace morrow::detail
