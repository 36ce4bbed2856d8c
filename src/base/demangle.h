// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <typeinfo>

namespace morrow::base {

/// A symbol, as the linker has it, in the form in which people write it; unchanged when it is none of C++, empty for
/// null. Thread-safe.
std::string demangled(const char* symbol);

/// The name of a type in the same form. Thread-safe.
std::string name_of_type(const std::type_info& type);

}  // namespace morrow::base
