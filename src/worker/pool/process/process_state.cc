// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/process_state.h"

#include <fstream>
#include <iterator>
#include <string>

namespace morrow::worker {

bool is_stopped(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');  // the name may hold any character
  return name_end != std::string::npos && name_end + 2 < text.size() && text[name_end + 2] == 'T';
}

}  // namespace morrow::worker
