// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <morrow/serialize.h>

namespace morrow::test {

/// What arrives of a value that is sent.
template <class T>
T round_trip(const T& value) {
  return deserialize_value<T>(serialize_value(value));
}

}  // namespace morrow::test
