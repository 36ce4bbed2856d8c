// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <boost/version.hpp>

#if BOOST_VERSION >= 108100
#include <boost/unordered/unordered_flat_map.hpp>
#else
#include <unordered_map>
#endif

namespace morrow::worker {

/// A map for what stands on the path of every future: in one block of memory, where Boost has such a map. Debian's
/// default, 1.74, has none, and no machine can have the headers of both. What is found stands until the next change.
#if BOOST_VERSION >= 108100
template <class Key, class Value>
using FlatMap = boost::unordered_flat_map<Key, Value, std::hash<Key>>;
#else
template <class Key, class Value>
using FlatMap = std::unordered_map<Key, Value>;
#endif

}  // namespace morrow::worker
