// SPDX-License-Identifier: Apache-2.0
#include "runtime/image/function_name.h"

#include <exception>
#include <map>
#include <string_view>
#include <utility>

#include "base/demangle.h"
#include "base/mutex.h"
#include "runtime/image/elf_image.h"
#include "runtime/image/modules.h"
#include "runtime/image/numbering.h"

namespace morrow::runtime {

namespace {

constexpr std::string_view kUnnamed = "(anonymous namespace)::";
constexpr std::string_view kAbiTag = "[abi:";  // what the compiler adds to functions of std::string

std::string look_up(CodeRef code) try {
  const auto numbers = numbering();
  if (code.module >= numbers->place_of.size() || !numbers->place_of[code.module]) return {};
  const LoadedModule& module = (*numbers->table)[*numbers->place_of[code.module]];
  const ElfFile file(module.name.empty() ? "/proc/self/exe" : module.name);
  // A library's file may have been replaced since it was loaded.
  if (!module.name.empty() && file.identity() != module.identity) return {};
  return short_name(std::string(file.function_at(code.offset)));
} catch (const std::exception&) {
  return {};  // the file is gone; a name is only for people
}

// Where the parameters begin: the first parenthesis that stands in no template argument and belongs to no name.
std::size_t parameters_of(std::string_view text) {
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("operator")) {
      i += std::string_view("operator").size();
      if (text.substr(i).starts_with("()")) i += 2;
      while (i < text.size() && (text[i] == '<' || text[i] == '>')) ++i;
      if (i >= text.size()) break;
    }
    if (text[i] == '<') ++depth;
    if (text[i] == '>') --depth;
    if (text[i] == '(' && depth == 0) return i;
  }
  return text.size();
}

// A template's text begins with the type of its result: the name begins behind the last space outside of arguments.
std::size_t begin_of_name(std::string_view text) {
  int depth = 0;
  for (std::size_t i = text.size(); i > 0; --i) {
    const char c = text[i - 1];
    if (c == '>') ++depth;
    if (c == '<') --depth;
    if (c == ' ' && depth == 0) return i;
  }
  return 0;
}

}  // namespace

std::string short_name(const std::string& symbol) {
  std::string text = base::demangled(symbol.c_str());
  if (text == symbol) return symbol;
  for (std::size_t at = 0; (at = text.find(kUnnamed, at)) != std::string::npos;) text.erase(at, kUnnamed.size());
  for (std::size_t at = 0; (at = text.find(kAbiTag, at)) != std::string::npos;)
    text.erase(at, text.find(']', at) - at + 1);
  text.resize(parameters_of(text));
  if (text.find("operator") == std::string::npos) text.erase(0, begin_of_name(text));
  return text;
}

std::string function_name(CodeRef code) {
  struct Cache {
    base::Mutex mutex;
    std::map<std::pair<std::uint32_t, std::uint64_t>, std::string> names GUARDED_BY(mutex);
  };
  static Cache& cache = *new Cache;  // asked for until the very end of the process
  const base::MutexLock lock(cache.mutex);
  const auto [place, added] = cache.names.try_emplace({code.module, code.offset});
  if (added) place->second = look_up(code);
  return place->second;
}

}  // namespace morrow::runtime
