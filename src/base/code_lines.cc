// SPDX-License-Identifier: Apache-2.0
#include "base/code_lines.h"

#include <backtrace.h>

#include "base/demangle.h"

namespace morrow::base {

namespace {

void on_error(void*, const char*, int) {}  // no line tables: the function's name must do, or nothing

int on_line(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  if (function == nullptr && file == nullptr) return 0;
  auto& lines = *static_cast<std::vector<CodeLine>*>(data);
  lines.push_back({demangled(function), file == nullptr ? "" : file, line});
  return 0;
}

void on_symbol(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  *static_cast<std::string*>(data) = demangled(name);
}

}  // namespace

std::string text_of(const CodeLine& line) {
  std::string text = line.function.empty() ? "?" : line.function;
  if (!line.file.empty()) text += " at " + line.file + ":" + std::to_string(line.line);
  return text;
}

CodeLines::CodeLines() : state_(backtrace_create_state(nullptr, 1, on_error, nullptr)) {}

std::vector<CodeLine> CodeLines::at(std::uintptr_t address) const {
  std::vector<CodeLine> lines;
  std::string symbol;
  if (state_ != nullptr) {
    backtrace_pcinfo(state_, address, on_line, on_error, &lines);
    backtrace_syminfo(state_, address, on_symbol, on_error, &symbol);
  }
  if (lines.empty()) lines.emplace_back();
  // The outermost of the functions inlined here is the symbol's. With few debug information it has its bare name only.
  if (symbol.find(lines.back().function) != std::string::npos) lines.back().function = symbol;
  return lines;
}

}  // namespace morrow::base
