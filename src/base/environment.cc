// SPDX-License-Identifier: Apache-2.0
#include "base/environment.h"

#include <cstdlib>

namespace morrow::base {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string environment_line(std::string_view name, std::string_view value) {
  std::string line(name);
  line += '=';
  line += value;
  return line;
}

bool sets_variable(std::string_view line, std::string_view name) {
  return line.size() > name.size() && line[name.size()] == '=' && line.starts_with(name);
}

}  // namespace morrow::base
