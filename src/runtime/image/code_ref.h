// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace morrow::runtime {

/// A function of the program's image: the same in every process that runs this image.
struct CodeRef {
  std::uint32_t module = 0;  ///< number in the manifest
  std::uint64_t offset = 0;  ///< from the module's load address
  friend bool operator==(const CodeRef&, const CodeRef&) = default;
};

/// The place of a function. Thread-safe.
/// \throws std::invalid_argument for a function of a system library (which one it is depends on the machine:
/// `&std::sin` on the CPU), of a library loaded after the session began, or of no module at all; one sentence each
CodeRef code_ref(const void* function);

/// The function in this process. Thread-safe.
/// \throws std::invalid_argument when there is no code at that place, or its library is not loaded here
const void* code_address(CodeRef ref);

}  // namespace morrow::runtime
