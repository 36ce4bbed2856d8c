// SPDX-License-Identifier: Apache-2.0
#include "worker/cluster/process_identity.h"

#include <array>
#include <fstream>

#include <unistd.h>

#include "base/process_facts.h"

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
  const auto facts = base::process_facts(pid);
  return facts ? facts->started_ticks : 0;
}

}  // namespace morrow::worker
