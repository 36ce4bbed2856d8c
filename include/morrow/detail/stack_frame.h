// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace morrow::detail {

/// A place in the code of the program: the same on every machine that runs the same image.
struct StackFrame {
  std::uint32_t module = 0;  ///< index in the image's list of modules
  std::uint64_t offset = 0;  ///< from the module's load address
  friend bool operator==(const StackFrame&, const StackFrame&) = default;
};

/// The frames as text, a line each: function, file and line. Slow; thread-safe. \throws nothing
std::string symbolize(std::span<const StackFrame> frames);

}  // namespace morrow::detail
