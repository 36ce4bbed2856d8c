// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

#include <morrow/detail/archive.h>
#include <morrow/detail/own_functions.h>
#include <morrow/detail/pack.h>
#include <morrow/sent_as.h>

namespace morrow::detail {

/// How a T is written, and made of what was written; `Parts` is the TypeList of what it consists of:
///
///     using Parts = ...;
///     static void write(ValueWriter& writer, const T& value);
///     static T make(ValueReader& reader);  // needs no default constructor
template <class T>
struct Codec {};

template <class T>
concept HasCodec = requires {
  typename Codec<T>::Parts;
};

template <HasSentAs T>
struct Codec<T> {
  using Sent = std::remove_cvref_t<decltype(SentAs<T>::pack(std::declval<const T&>()))>;
  using Parts = TypeList<Sent>;
  static void write(ValueWriter& writer, const T& value) {
    const Sent& sent = SentAs<T>::pack(value);
    writer.write_copy(sent);
  }
  static T make(ValueReader& reader) { return SentAs<T>::unpack(reader.make<Sent>()); }
};

}  // namespace morrow::detail
