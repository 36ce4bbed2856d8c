// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "runtime/image/code_ref.h"

/// The name of a function of this program, for people.
namespace morrow::runtime {

/// The name of the function at `code`, with its namespaces and template arguments, without its result and parameters:
/// `geo::distance`. Empty when the module's file has no symbol for it. Looked up once for each function; thread-safe.
std::string function_name(CodeRef code);

/// The name in a mangled symbol, as above.
std::string short_name(const std::string& symbol);

}  // namespace morrow::runtime
