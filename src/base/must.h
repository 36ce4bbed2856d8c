// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <source_location>
#include <string_view>
#include <type_traits>

#include "base/invariant.h"

/// Looking things up that are there: invariants in the form of functions. The sentence says why it is there; the report
/// names the place of the call.
namespace morrow::base {

/// The value of the key in a map, or the element of a set.
template <class Container, class Key>
auto& must_find(Container& container, const Key& key, std::string_view sentence,
                std::source_location where = std::source_location::current()) {
  const auto found = container.find(key);
  if (__builtin_expect(found == container.end(), 0)) {
    if constexpr (Reportable<Key>) {
      fail_invariant(where, nullptr, sentence, "key, size", {key, container.size()});
    } else {
      fail_invariant(where, nullptr, sentence, "size", {container.size()});
    }
  }
  if constexpr (requires { typename Container::mapped_type; }) {
    return (found->second);
  } else {
    return (*found);
  }
}

/// What a pointer, a smart pointer or an optional holds; for functions that find something and return null for nothing.
template <class Pointer>
requires std::is_lvalue_reference_v<Pointer> || std::is_pointer_v<Pointer>  // else it refers to what ends here
auto& not_null(Pointer&& pointer, std::string_view sentence,
               std::source_location where = std::source_location::current()) {
  if (__builtin_expect(!pointer, 0)) fail_invariant(where, nullptr, sentence, "", {});
  return *pointer;
}

/// Takes the key out of a map or set, or the first element that is equal to it out of a sequence.
template <class Container, class Key>
void must_erase(Container& container, const Key& key, std::string_view sentence,
                std::source_location where = std::source_location::current()) {
  bool erased = false;
  if constexpr (requires { typename Container::key_type; }) {
    erased = container.erase(key) != 0;
  } else if (const auto found = std::find(container.begin(), container.end(), key); found != container.end()) {
    container.erase(found);
    erased = true;
  }
  if (__builtin_expect(erased, 1)) return;
  if constexpr (Reportable<Key>) {
    fail_invariant(where, nullptr, sentence, "key, size", {key, container.size()});
  } else {
    fail_invariant(where, nullptr, sentence, "size", {container.size()});
  }
}

}  // namespace morrow::base
