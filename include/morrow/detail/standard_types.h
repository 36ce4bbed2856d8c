// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <morrow/detail/archive.h>
#include <morrow/detail/codec.h>
#include <morrow/detail/own_functions.h>
#include <morrow/error.h>

/// How types of the standard library travel. Those whose headers a program may not include are known by what they can
/// do.
namespace morrow::detail {

template <class A, class B>
struct Codec<std::pair<A, B>> {
  using Parts = TypeList<A, B>;
  static void write(ValueWriter& writer, const std::pair<A, B>& value) {
    writer.write(value.first);
    writer.write(value.second);
  }
  static std::pair<A, B> make(ValueReader& reader) {
    // The elements of a list in braces are made in order.
    return std::pair<A, B>{reader.make<std::remove_cv_t<A>>(), reader.make<std::remove_cv_t<B>>()};
  }
};

template <class... T>
struct Codec<std::tuple<T...>> {
  using Parts = TypeList<T...>;
  static void write(ValueWriter& writer, const std::tuple<T...>& value) {
    std::apply([&writer](const auto&... elements) { (writer.write(elements), ...); }, value);
  }
  static std::tuple<T...> make(ValueReader& reader) { return std::tuple<T...>{reader.make<std::remove_cv_t<T>>()...}; }
};

template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  using Parts = TypeList<T>;
  static void write(ValueWriter& writer, const std::array<T, N>& value) {
    for (const T& element : value) writer.write(element);
  }
  static std::array<T, N> make(ValueReader& reader) {
    if constexpr (std::is_default_constructible_v<T>) {
      std::array<T, N> value{};
      for (T& element : value) reader.read(element);
      return value;
    } else {
      return [&reader]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<T, N>{(static_cast<void>(I), reader.make<std::remove_cv_t<T>>())...};
      }
      (std::make_index_sequence<N>{});
    }
  }
};

template <class T>
struct Codec<std::optional<T>> {
  using Parts = TypeList<T>;
  static void write(ValueWriter& writer, const std::optional<T>& value) {
    writer.write(value.has_value());
    if (value) writer.write(*value);
  }
  static std::optional<T> make(ValueReader& reader) {
    if (!reader.make<bool>()) return std::nullopt;
    return std::optional<T>(std::in_place, reader.make<std::remove_cv_t<T>>());
  }
};

template <class... T>
struct Codec<std::variant<T...>> {
  using Parts = TypeList<T...>;
  using Variant = std::variant<T...>;
  static void write(ValueWriter& writer, const Variant& value) {
    writer.write(static_cast<std::uint32_t>(value.index()));
    if (!value.valueless_by_exception()) std::visit([&writer](const auto& held) { writer.write(held); }, value);
  }
  static Variant make(ValueReader& reader) { return make_at<0>(reader, reader.make<std::uint32_t>()); }

 private:
  template <std::size_t I>
  static Variant make_at(ValueReader& reader, std::uint32_t index) {
    if constexpr (I == sizeof...(T)) {
      throw DecodeError("a serialized std::variant holds no alternative that it has");
    } else {
      if (index != I) return make_at<I + 1>(reader, index);
      return Variant(std::in_place_index<I>, reader.make<std::variant_alternative_t<I, Variant>>());
    }
  }
};

// An object behind a pointer to its base class is cereal's.
template <class T>
requires(!std::is_array_v<T> && !std::is_polymorphic_v<T>) struct Codec<std::unique_ptr<T>> {
  using Parts = TypeList<T>;
  static void write(ValueWriter& writer, const std::unique_ptr<T>& value) {
    writer.write(value != nullptr);
    if (value != nullptr) writer.write(*value);
  }
  static std::unique_ptr<T> make(ValueReader& reader) {
    using Held = std::remove_cv_t<T>;
    if (!reader.make<bool>()) return nullptr;
    if constexpr (std::is_move_constructible_v<Held>) {
      return std::unique_ptr<T>(new T(reader.make<Held>()));
    } else {
      auto held = std::make_unique<Held>();
      reader.read(*held);
      return held;
    }
  }
};

/// Sets and maps of all kinds.
template <class T>
concept KeyedContainer = std::is_class_v<T> && requires(T& container, typename T::value_type& element) {
  typename T::key_type;
  container.emplace_hint(container.end(), element);
} && is_standard<T>();

template <KeyedContainer T>
struct Codec<T> {
  using Parts = TypeList<typename T::value_type>;
  static void write(ValueWriter& writer, const T& value) {
    writer.put_size(value.size());
    for (const auto& element : value) {
      if constexpr (requires { typename T::mapped_type; }) {
        writer.write(element.first);
        writer.write(element.second);
      } else {
        writer.write(element);
      }
    }
  }
  static T make(ValueReader& reader) {
    T value;
    auto left = reader.take_size();
    if constexpr (requires { value.reserve(left); }) value.reserve(left);
    for (; left > 0; --left) {
      if constexpr (requires { typename T::mapped_type; }) {
        auto key = reader.make<typename T::key_type>();
        auto mapped = reader.make<typename T::mapped_type>();
        value.emplace_hint(value.end(), std::move(key), std::move(mapped));
      } else {
        value.emplace_hint(value.end(), reader.make<typename T::key_type>());
      }
    }
    return value;
  }
};

/// std::queue, std::stack, std::priority_queue: a container with another face.
template <class T>
concept ContainerAdapter = std::is_class_v<T> && requires(T& adapter) {
  typename T::container_type;
  adapter.pop();
  { adapter.size() } -> std::convertible_to<std::size_t>;
} && is_standard<T>();

template <ContainerAdapter T>
struct Codec<T> {
  using Parts = TypeList<typename T::container_type>;
  static void write(ValueWriter& writer, const T& value) { writer.write(value.*Opened::container()); }
  static T make(ValueReader& reader) {
    T value;
    reader.read(value.*Opened::container());
    return value;
  }

 private:
  /// The container behind the face.
  struct Opened : T {
    static auto container() { return &Opened::c; }
  };
};

/// std::forward_list, which does not know its size.
template <class T>
concept ForwardList = std::is_class_v<T> && requires(T& list, typename T::value_type& element) {
  list.emplace_after(list.before_begin(), element);
} && is_standard<T>();

template <ForwardList T>
struct Codec<T> {
  using Parts = TypeList<typename T::value_type>;
  static void write(ValueWriter& writer, const T& value) {
    writer.put_size(static_cast<std::size_t>(std::distance(value.begin(), value.end())));
    for (const auto& element : value) writer.write(element);
  }
  static T make(ValueReader& reader) {
    T value;
    auto last = value.before_begin();
    for (auto left = reader.take_size(); left > 0; --left)
      last = value.emplace_after(last, reader.make<typename T::value_type>());
    return value;
  }
};

/// std::valarray.
template <class T>
concept NumericArray = std::is_class_v<T> && requires(T& array) {
  array.cshift(1);
  array.resize(1);
  { array[0] } -> std::same_as<typename T::value_type&>;
} && is_standard<T>();

template <NumericArray T>
struct Codec<T> {
  using Parts = TypeList<typename T::value_type>;
  static void write(ValueWriter& writer, const T& value) {
    writer.put_size(value.size());
    if constexpr (Scalar<typename T::value_type>) {
      if (value.size() != 0) writer.put_large(std::addressof(value[0]), value.size() * sizeof(value[0]));
    } else {
      for (std::size_t i = 0; i < value.size(); ++i) writer.write(value[i]);
    }
  }
  static T make(ValueReader& reader) {
    using Element = typename T::value_type;
    const auto size = reader.take_size();
    if (Raw<Element> && size > reader.left() / sizeof(Element))
      throw DecodeError("a serialized std::valarray claims more elements than it has bytes");
    T value;
    value.resize(size);
    for (std::size_t i = 0; i < value.size(); ++i) reader.read(value[i]);
    return value;
  }
};

/// std::filesystem::path.
template <class T>
concept FilePath = std::is_class_v<T> && requires(const T& path) {
  path.lexically_normal();
  { path.native() } -> std::same_as<const std::string&>;
} && is_standard<T>();

template <FilePath T>
struct Codec<T> {
  using Parts = TypeList<std::string>;
  static void write(ValueWriter& writer, const T& value) { writer.write(value.native()); }
  static T make(ValueReader& reader) { return T(reader.make<std::string>()); }
};

}  // namespace morrow::detail
