#pragma once

#include <cstdint>

namespace morrow::runtime {

/// A function of the program's image: the same in every process that runs this image.
struct CodeRef {
  std::uint32_t module = 0;  ///< number in the manifest
  std::uint64_t offset = 0;  ///< from the module's load address
};

/// \throws std::invalid_argument for a function of a system library (which one is chosen by the machine: `&std::sin` by the CPU), of a
/// library loaded after the session began, or of no module at all; one sentence each. Thread-safe.
CodeRef code_ref(const void* function);

/// \throws std::invalid_argument when there is no code at that place. Thread-safe.
const void* code_address(CodeRef ref);

}  // namespace morrow::runtime
