#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include <boost/pfr/core.hpp>

#include <morrow/detail/archive.h>
#include <morrow/detail/sendable.h>

namespace morrow::detail {

template <class T>
void OutArchive::write(const T& value) {
  if constexpr (AnyFuture<T>) {
    futures_.push_back(value.id());
    put(&futures_.back(), sizeof(FutureId));
  } else if constexpr (Raw<T>) {
    write_raw(value);
  } else if constexpr (SequenceTraits<T>::value) {
    write_sequence(value);
  } else if constexpr (CerealKnows<T> && !IsPointerLike<T>::value) {
    OutputArchive::operator()(value);
  } else if constexpr (check_sendable<T>()) {
    boost::pfr::for_each_field(value, [this](const auto& field) { write(field); });
  }
}

template <class T>
void OutArchive::write_raw(const T& value) {
  if constexpr (RawMayHoldFuture<T>::value) may_hold_futures_ = true;
  if constexpr (std::has_unique_object_representations_v<T> || Scalar<T>) {
    put(&value, sizeof value);
  } else {
    // Padding holds stale bytes, addresses among them.
    alignas(T) std::byte copy[sizeof(T)];
    std::memcpy(copy, &value, sizeof value);
    __builtin_clear_padding(reinterpret_cast<T*>(copy));
    put(copy, sizeof copy);
  }
}

template <class T>
void OutArchive::write_sequence(const T& sequence) {
  using Element = typename T::value_type;
  put_size(sequence.size());
  if constexpr (IsVector<T>::value && Raw<Element> &&
                (Scalar<Element> || std::has_unique_object_representations_v<Element>)) {
    if constexpr (RawMayHoldFuture<Element>::value) may_hold_futures_ = may_hold_futures_ || !sequence.empty();
    put(sequence.data(), sequence.size() * sizeof(Element));
  } else {
    for (const auto& element : sequence) write(element);
  }
}

template <class T>
void InArchive::read(T&& value) {
  using Type = std::remove_cvref_t<T>;
  if constexpr (AnyFuture<Type>) {
    FutureId id;
    take(&id, sizeof id);
    value = Type(id);
  } else if constexpr (Raw<Type>) {
    if constexpr (std::is_same_v<Type, bool>)
      value = take_raw<Type>();
    else
      take(const_cast<void*>(static_cast<const volatile void*>(&value)), sizeof value);
  } else if constexpr (SequenceTraits<Type>::value) {
    read_sequence(value);
  } else if constexpr (CerealKnows<Type> && !IsPointerLike<Type>::value) {
    InputArchive::operator()(std::forward<T>(value));
  } else if constexpr (check_sendable<Type>()) {
    boost::pfr::for_each_field(value, [this](auto& field) { read(field); });
  }
}

template <class T>
void InArchive::read_sequence(T& sequence) {
  using Element = typename T::value_type;
  const std::size_t size = take_size();
  sequence.clear();
  if constexpr (IsVector<T>::value && Raw<Element> && !std::is_same_v<Element, bool> &&
                std::is_default_constructible_v<Element>) {
    if (size > bytes_.size() / sizeof(Element))
      throw DecodeError("a serialized value claims more elements than it has bytes");
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

}  // namespace morrow::detail
