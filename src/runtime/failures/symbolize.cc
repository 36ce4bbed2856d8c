// SPDX-License-Identifier: Apache-2.0
#include <backtrace.h>
#include <cxxabi.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <morrow/detail/frame.h>

#include "runtime/image/modules.h"
#include "runtime/image/numbering.h"

namespace morrow::detail {

namespace {

/// A place in the sources.
struct Line {
  std::string function;
  std::string file;
  int line = 0;
  std::string module;  ///< empty for the program itself
};

std::string demangled(const char* name) {
  if (name == nullptr) return "";
  if (std::string_view(name).substr(0, 2) != "_Z") return name;  // else a C function `f` would be float
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? text.get() : name;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

void on_error(void*, const char*, int) {}  // no line tables: the function's name, or the bare offset, must do

int on_line(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  if (function == nullptr && file == nullptr) return 0;
  auto& lines = *static_cast<std::vector<Line>*>(data);
  lines.push_back({demangled(function), file == nullptr ? "" : file, line, ""});
  return 0;
}

void on_symbol(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  *static_cast<std::string*>(data) = demangled(name);
}

bool is_throw(std::string_view function) {
  return function == "__cxa_throw" || function == "__cxa_rethrow" || function == "__interceptor___cxa_throw" ||
         function.starts_with("std::rethrow_exception(");
}

bool is_of_invoker(const Line& line) { return line.file.ends_with("morrow/detail/call.h"); }

bool runs_a_task(const Line& line) {
  return contains(line.function, "morrow::runtime::run_capturing") ||
         (contains(line.function, "morrow::detail::CallOf<") && contains(line.function, ">::run(")) ||
         (is_of_invoker(line) && line.function == "run");
}

// What stands between the user's function and who runs it. Where it is inlined it has its bare name, so the file counts
// too. A demangled template starts with the type of its result, and a lambda's name holds parentheses: so only what
// stands before the first one is looked at.
bool is_glue(const Line& line) {
  const std::string_view name = std::string_view(line.function).substr(0, line.function.find('('));
  return is_of_invoker(line) || line.file.ends_with("/bits/invoke.h") || contains(name, "std::__invoke") ||
         contains(name, "std::invoke") || (line.file.ends_with("/functional") && name.starts_with("invoke<")) ||
         contains(name, "morrow::detail::") || contains(name, "morrow::runtime::") ||
         line.function.starts_with("morrow::runtime::(anonymous namespace)");
}

// The user's own code: what is further out than the innermost task is the executor's.
void trim(std::vector<Line>& lines) {
  constexpr std::ptrdiff_t kMachinery = 12;  // deeper, it is a throw that the user's code was in the middle of
  const auto behind = lines.begin() + std::min(kMachinery, std::ssize(lines));
  const auto thrown = std::find_if(std::make_reverse_iterator(behind), lines.rend(),
                                   [](const Line& line) { return is_throw(line.function); });
  if (thrown != lines.rend()) lines.erase(lines.begin(), thrown.base());
  const auto boundary = std::find_if(lines.begin(), lines.end(), runs_a_task);
  auto end = boundary;
  if (boundary != lines.end()) {
    while (end != lines.begin() && is_glue(end[-1])) --end;
  }
  // With nothing left, Morrow's own frames say more than none.
  if (end == lines.begin()) end = boundary;
  if (end != lines.begin()) lines.erase(end, lines.end());
}

std::string text_of(const Line& line) {
  std::string text = line.function.empty() ? "?" : line.function;
  if (!line.file.empty()) text += " at " + line.file + ":" + std::to_string(line.line);
  if (!line.module.empty()) text += " (" + line.module + ")";
  return text;
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

std::string in_hex(std::uint64_t number) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(number));
  return text;
}

/// The reader of debug information. It looks at the loaded modules once, and its memory is never given back: so there
/// is a new one only when the modules have changed. Guarded by `mutex`.
struct Reader {
  std::mutex mutex;
  std::shared_ptr<const runtime::ModuleTable> table;
  backtrace_state* state = nullptr;

  backtrace_state* for_table(const std::shared_ptr<const runtime::ModuleTable>& now) {
    if (table != now) state = backtrace_create_state(nullptr, 0, on_error, nullptr);
    table = now;
    return state;
  }
};

void add_lines(std::vector<Line>& lines, Reader& reader, const runtime::Numbering& numbers, const Frame& frame) {
  if (frame.module >= numbers.names.size()) {
    lines.push_back({"?", "", 0, "a library that only the task had loaded"});
    return;
  }
  const std::string& name = numbers.names[frame.module];
  const std::string module = frame.module == 0 ? "" : base_name(name);
  const std::size_t before = lines.size();
  std::string symbol;
  if (const auto place = numbers.place_of[frame.module]) {
    const std::uintptr_t address = (*numbers.table)[*place].base + frame.offset;
    if (backtrace_state* const state = reader.for_table(numbers.table)) {
      backtrace_pcinfo(state, address, on_line, on_error, &lines);
      backtrace_syminfo(state, address, on_symbol, on_error, &symbol);
    }
  }
  if (lines.size() == before) lines.push_back({});
  // The outermost of the functions inlined here is the symbol's. With few debug information it has its bare name only.
  if (contains(symbol, lines.back().function)) lines.back().function = symbol;
  if (lines.back().function.empty()) {
    lines.back().function = "? at offset " + in_hex(frame.offset) + (module.empty() ? " of the program" : "");
  }
  for (std::size_t i = before; i < lines.size(); ++i) lines[i].module = module;
}

}  // namespace

std::string symbolize(std::span<const Frame> frames) try {
  static Reader& reader = *new Reader;
  const auto numbers = runtime::numbering();
  const std::lock_guard lock(reader.mutex);
  std::vector<Line> lines;
  for (const Frame& frame : frames) add_lines(lines, reader, *numbers, frame);
  trim(lines);
  std::string text;
  int number = 0;
  for (const Line& line : lines) {
    if (number != 0) text += '\n';
    text += '#';
    text += std::to_string(number++);
    text += ' ';
    text += text_of(line);
  }
  return text;
} catch (const std::exception&) {
  return {};  // no memory
}

}  // namespace morrow::detail
