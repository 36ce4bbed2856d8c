// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <morrow/detail/stack_frame.h>

#include "base/code_lines.h"
#include "base/hex.h"
#include "base/mutex.h"
#include "base/path_name.h"
#include "runtime/image/modules.h"
#include "runtime/image/numbering.h"

namespace morrow::detail {

namespace {

/// A place in the sources.
struct Line {
  base::CodeLine code;
  std::string module;  ///< empty for the program itself
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

bool is_throw(std::string_view function) {
  return function == "__cxa_throw" || function == "__cxa_rethrow" || function == "__interceptor___cxa_throw" ||
         function.starts_with("std::rethrow_exception(");
}

bool is_of_invoker(const Line& line) { return line.code.file.ends_with("morrow/detail/call.h"); }

bool runs_a_task(const Line& line) {
  return contains(line.code.function, "morrow::runtime::run_capturing") ||
         (contains(line.code.function, "morrow::detail::CallOf<") && contains(line.code.function, ">::run(")) ||
         (is_of_invoker(line) && line.code.function == "run");
}

// The frames between the user's function and the executor's. Where it is inlined it has its bare name, so the file
// counts too. A demangled template starts with the type of its result, and a lambda's name holds parentheses: so only
// the part before the first one is looked at.
bool is_glue(const Line& line) {
  const std::string_view name = std::string_view(line.code.function).substr(0, line.code.function.find('('));
  return is_of_invoker(line) || line.code.file.ends_with("/bits/invoke.h") || contains(name, "std::__invoke") ||
         contains(name, "std::invoke") || (line.code.file.ends_with("/functional") && name.starts_with("invoke<")) ||
         contains(name, "morrow::detail::") || contains(name, "morrow::runtime::") ||
         line.code.function.starts_with("morrow::runtime::(anonymous namespace)");
}

// The user's own code: frames further out than the innermost task are the executor's.
void trim(std::vector<Line>& lines) {
  constexpr std::ptrdiff_t kMachinery = 12;  // deeper, it is a throw that the user's code was in the middle of
  const auto behind = lines.begin() + std::min(kMachinery, std::ssize(lines));
  const auto thrown = std::find_if(std::make_reverse_iterator(behind), lines.rend(),
                                   [](const Line& line) { return is_throw(line.code.function); });
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
  return base::text_of(line.code) + (line.module.empty() ? "" : " (" + line.module + ")");
}

/// The reader of debug information. It looks at the loaded modules once, and its memory is never given back: so there
/// is a new one only when the modules have changed.
struct Reader {
  base::Mutex mutex;
  std::shared_ptr<const runtime::ModuleTable> table GUARDED_BY(mutex);
  std::optional<base::CodeLines> code GUARDED_BY(mutex);

  const base::CodeLines& for_table(const std::shared_ptr<const runtime::ModuleTable>& now) REQUIRES(mutex) {
    if (table != now) code.emplace();
    table = now;
    return *code;
  }
};

void add_lines(std::vector<Line>& lines, Reader& reader, const runtime::Numbering& numbers, const StackFrame& frame)
    REQUIRES(reader.mutex) {
  if (frame.module >= numbers.names.size()) {
    lines.push_back({{}, "a library that only the task had loaded"});
    return;
  }
  const std::string module(frame.module == 0 ? "" : base::base_name(numbers.names[frame.module]));
  std::vector<base::CodeLine> found(1);
  if (const auto place = numbers.place_of[frame.module])
    found = reader.for_table(numbers.table).at((*numbers.table)[*place].base + frame.offset);
  if (found.back().function.empty()) {
    found.back().function =
        "? at offset " + base::short_hex_of(frame.offset) + (module.empty() ? " of the program" : "");
  }
  for (base::CodeLine& line : found) lines.push_back({std::move(line), module});
}

}  // namespace

std::string symbolize(std::span<const StackFrame> frames) try {
  static Reader& reader = *new Reader;
  const auto numbers = runtime::numbering();
  const base::MutexLock lock(reader.mutex);
  std::vector<Line> lines;
  for (const StackFrame& frame : frames) add_lines(lines, reader, *numbers, frame);
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
