// SPDX-License-Identifier: Apache-2.0
#include "base/demangle.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace morrow::base {

namespace {

std::string demangle(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace

std::string demangled(const char* symbol) {
  if (symbol == nullptr) return "";
  // Names of types have no such beginning, so a C function `f` would be taken for the type float.
  return std::string_view(symbol).starts_with("_Z") ? demangle(symbol) : symbol;
}

std::string name_of_type(const std::type_info& type) { return demangle(type.name()); }

}  // namespace morrow::base
