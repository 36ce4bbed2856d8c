// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/process_identity.h"

#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

#include <unistd.h>

namespace morrow::worker {

namespace {

/// What a link in /proc points to, "pid:[4026531836]" for one; empty when it can't be read.
std::string read_link(const char* path) {
  std::array<char, 64> text{};
  const ssize_t size = readlink(path, text.data(), text.size());
  return size <= 0 ? std::string() : std::string(text.data(), static_cast<std::size_t>(size));
}

std::string boot() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string text;
  std::getline(file, text);
  return text;
}

/// /proc may be that of another pid namespace, where our pid is another process's.
bool proc_is_of_our_namespace() { return read_link("/proc/self") == std::to_string(getpid()); }

}  // namespace

ProcessIdentity own_process() {
  const std::string boot_id = boot();
  const std::string pids = read_link("/proc/self/ns/pid");
  const std::uint64_t started = start_of_process(getpid());
  if (boot_id.empty() || pids.empty() || started == 0 || !proc_is_of_our_namespace()) return {};
  // In another time namespace starts are counted from another moment; older kernels have none of them.
  return {boot_id + " " + pids + " " + read_link("/proc/self/ns/time"), started};
}

std::uint64_t start_of_process(pid_t pid) {
  constexpr int kStartAfterName = 20;  // man 5 proc: field 22, and the name is the second
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');  // the name may hold any character
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 1; i < kStartAfterName; ++i) fields >> skipped;
  std::uint64_t started = 0;
  return fields >> started ? started : 0;
}

}  // namespace morrow::worker
