// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>

#include <morrow/detail/own_functions.h>

/// Types of the standard library that are sent without cereal's header for them: they are known by what they can do, so
/// that no program has to include what it does not use.
namespace morrow::detail {

/// std::queue, std::stack, std::priority_queue: a container with another face.
template <class T>
concept ContainerAdapter = std::is_class_v<T> && requires(T& adapter) {
  typename T::container_type;
  adapter.pop();
  { adapter.size() } -> std::convertible_to<std::size_t>;
} && is_standard<T>();

/// The container behind the face.
template <ContainerAdapter T>
struct OpenAdapter : T {
  static typename T::container_type& container(T& adapter) { return adapter.*(&OpenAdapter::c); }
  static const typename T::container_type& container(const T& adapter) { return adapter.*(&OpenAdapter::c); }
};

/// std::forward_list, which does not know its size.
template <class T>
concept ForwardList = std::is_class_v<T> && requires(T& list, typename T::value_type& element) {
  list.emplace_after(list.before_begin());
} && is_standard<T>();

/// std::valarray.
template <class T>
concept NumericArray = std::is_class_v<T> && requires(T& array) {
  array.cshift(1);
  array.resize(1);
  { array[0] } -> std::same_as<typename T::value_type&>;
} && is_standard<T>();

/// std::filesystem::path.
template <class T>
concept FilePath = std::is_class_v<T> && requires(const T& path) {
  path.lexically_normal();
  { path.native() } -> std::same_as<const std::string&>;
} && is_standard<T>();

/// One of these.
template <class T>
concept KnownByFace = ContainerAdapter<T> || ForwardList<T> || NumericArray<T> || FilePath<T>;

template <KnownByFace T, class Writer>
void write_known(Writer& writer, const T& value) {
  if constexpr (ContainerAdapter<T>) {
    writer.write(OpenAdapter<T>::container(value));
  } else if constexpr (FilePath<T>) {
    writer.write(value.native());
  } else if constexpr (NumericArray<T>) {
    writer.put_size(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) writer.write(value[i]);
  } else {
    writer.put_size(static_cast<std::size_t>(std::distance(value.begin(), value.end())));
    for (const auto& element : value) writer.write(element);
  }
}

template <KnownByFace T, class Reader>
void read_known(Reader& reader, T& value) {
  if constexpr (ContainerAdapter<T>) {
    reader.read(OpenAdapter<T>::container(value));
  } else if constexpr (FilePath<T>) {
    std::string text;
    reader.read(text);
    value = T(std::move(text));
  } else if constexpr (NumericArray<T>) {
    value.resize(reader.take_size());
    for (std::size_t i = 0; i < value.size(); ++i) reader.read(value[i]);
  } else {
    value.clear();
    auto last = value.before_begin();
    for (auto left = reader.take_size(); left > 0; --left) {
      last = value.emplace_after(last);
      reader.read(*last);
    }
  }
}

}  // namespace morrow::detail
