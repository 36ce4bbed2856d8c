// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct backtrace_state;

namespace morrow::base {

/// A place in the code. What the debug information does not know is empty.
struct CodeLine {
  std::string function;
  std::string file;
  int line = 0;
};

/// `FUNCTION at FILE:LINE`, as far as it is known; `?` for an unknown function.
std::string text_of(const CodeLine& line);

/// Reads the debug information of the code that is loaded when it is made, by libbacktrace. What it reads stays in
/// memory to the end of the process, so make few. Thread-safe.
class CodeLines {
 public:
  CodeLines();

  /// The function at this address; before it, innermost first, those that are inlined there. One line at the least.
  std::vector<CodeLine> at(std::uintptr_t address) const;

 private:
  backtrace_state* state_;
};

}  // namespace morrow::base
