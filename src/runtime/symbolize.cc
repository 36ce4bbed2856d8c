#include <backtrace.h>
#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <morrow/detail/frame.h>

#include "runtime/modules.h"

namespace morrow::detail {

namespace {

struct Line {
  std::string function;
  std::string file;
  int line = 0;
  std::string module;
};

std::string demangled(const char* name) {
  if (name == nullptr) return "";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

void on_error(void*, const char*, int) {}  // no line tables: the function's name, or the bare offset, must do

int on_line(void* data, std::uintptr_t, const char* file, int line, const char* function) {
  if (function == nullptr && file == nullptr) return 0;
  auto& lines = *static_cast<std::vector<Line>*>(data);
  lines.push_back({demangled(function), file == nullptr ? "" : file, line, ""});
  return 0;
}

void on_symbol(void* data, std::uintptr_t, const char* name, std::uintptr_t, std::uintptr_t) {
  if (name != nullptr) *static_cast<std::string*>(data) = demangled(name);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(), [text](std::string_view start) { return text.starts_with(start); });
}

// What stands between the throw and the one who throws.
bool throws(std::string_view function) {
  return starts_with_any(function, {"__cxa_throw", "__cxa_rethrow", "_Unwind_RaiseException", "_Unwind_Resume_or_Rethrow",
                                    "__interceptor___cxa_throw", "__interceptor__Unwind_RaiseException", "std::rethrow_exception"});
}

// What stands between the task's function and the executor's loop. A demangled template starts with its result type, so look anywhere before the arguments.
bool calls_the_task(std::string_view function) {
  const std::string_view name = function.substr(0, function.find('('));
  return name.find("morrow::detail::") != std::string_view::npos || name.find("morrow::runtime::") != std::string_view::npos ||
         name.find("std::__invoke") != std::string_view::npos || name.find("std::invoke") != std::string_view::npos ||
         name.find("std::apply") != std::string_view::npos || name.find("std::__apply") != std::string_view::npos ||
         function.find("morrow::runtime::(anonymous namespace)") != std::string_view::npos;
}

// The user's own frames: between the throwing machinery and the executor's.
std::vector<Line> trimmed(std::vector<Line> lines) {
  const auto thrown = std::find_if(lines.rbegin(), lines.rend(), [](const Line& line) { return throws(line.function); });
  if (thrown != lines.rend()) lines.erase(lines.begin(), thrown.base());
  const auto boundary = std::find_if(lines.begin(), lines.end(), [](const Line& line) {
    return line.function.find("morrow::runtime::run_capturing") != std::string::npos;
  });
  lines.erase(boundary, lines.end());
  const std::vector<Line> all = lines;
  while (!lines.empty() && calls_the_task(lines.back().function)) lines.pop_back();
  return lines.empty() ? all : lines;
}

std::string text_of(const Line& line) {
  std::string text = line.function.empty() ? "?" : line.function;
  if (!line.file.empty()) text += " at " + line.file + ":" + std::to_string(line.line);
  if (!line.module.empty()) text += " (" + line.module + ")";
  return text;
}

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string symbolize(std::span<const Frame> frames) {
  static std::mutex mutex;
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, on_error, nullptr);
  const std::lock_guard lock(mutex);
  const auto modules = runtime::loaded_modules();
  std::vector<Line> lines;
  for (const Frame& frame : frames) {
    const std::uintptr_t address = runtime::address_of({frame.module, frame.offset});
    if (address == 0) continue;
    const std::size_t before = lines.size();
    backtrace_pcinfo(state, address, on_line, on_error, &lines);
    if (lines.size() == before) {
      Line line;
      backtrace_syminfo(state, address, on_symbol, on_error, &line.function);
      lines.push_back(std::move(line));
    }
    const std::string& module = modules[frame.module].name;
    if (!module.empty()) {
      for (std::size_t i = before; i < lines.size(); ++i) lines[i].module = base_name(module);
    }
  }
  std::string text;
  int number = 0;
  for (const Line& line : trimmed(std::move(lines))) {
    if (number != 0) text += '\n';
    text += "#" + std::to_string(number++) + " " + text_of(line);
  }
  return text;
}

}  // namespace morrow::detail
