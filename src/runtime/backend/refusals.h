// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <morrow/session.h>

#include "wire/limits.h"

/// What every backend refuses, in the same words. All are thread-safe.
namespace morrow::runtime {

using wire::kMaxTaskNameBytes;

/// Of the private worker's part of the options. \throws SessionError when an amount is outside of its limits
void check_amounts(const SessionOptions& options);

/// Of a detached future that is looked for. \throws std::invalid_argument
void check_name(const std::string& name);

/// Of a value that is put. \throws std::invalid_argument
void check_copies(std::int64_t copies);

/// \throws NameTakenError always
[[noreturn]] void throw_name_taken(const std::string& name);

}  // namespace morrow::runtime
