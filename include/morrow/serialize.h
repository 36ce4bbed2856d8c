// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// The bytes of values: the types that can be sent, and how to have the bytes without sending them.

#include <morrow/detail/compiler.h>

#include <cstddef>
#include <span>
#include <type_traits>
#include <vector>

#include <cereal/types/array.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

#include <morrow/detail/archive.h>
#include <morrow/detail/archive_impl.h>
#include <morrow/detail/core.h>
#include <morrow/detail/sendable.h>
#include <morrow/sent_as.h>

namespace morrow {

namespace detail {

/// Reads one value, whether or not it has a default constructor.
template <class T>
T decode_from(ValueReader& reader) {
  try {
    return reader.make<T>();
  } catch (const cereal::Exception& error) {
    throw DecodeError(error.what());
  }
}

/// Reads the one value that `bytes` hold. \throws DecodeError
template <class T>
T decode(ByteView bytes, std::shared_ptr<const void> owner = nullptr) {
  ValueReader reader(bytes, std::move(owner));
  T value = decode_from<T>(reader);
  if (reader.left() != 0) throw DecodeError("a serialized value has bytes left over");
  return value;
}

/// The same; what is read may keep the memory of `value` and refer to it.
template <class T>
T decode(const Value& value) {
  return decode<T>(value.bytes, value.owner);
}

}  // namespace detail

/// \addtogroup values
/// \{

/// The bytes of `value` as Morrow sends them, for a file or a test. Only the same build of the same program can read
/// them: there is no version in them. Types that can't travel do not compile. Thread-safe.
template <class T>
std::vector<std::byte> serialize_value(const T& value) {
  std::vector<std::byte> bytes;
  detail::check_sendable<T>();
  if constexpr (detail::is_sendable<T>()) {
    detail::ValueWriter writer(bytes);
    writer.write(value);
  }
  return bytes;
}

/// The value whose bytes serialize_value() gave: `deserialize_value<T>(bytes)`. Any bytes are safe to give it.
/// Thread-safe. \throws DecodeError when they are not the bytes of a T.
template <class T>
T deserialize_value(std::span<const std::byte> bytes) {
  detail::check_sendable<T>();
  if constexpr (detail::is_sendable<T>()) return detail::decode<T>(bytes);
}

/// \}

}  // namespace morrow
