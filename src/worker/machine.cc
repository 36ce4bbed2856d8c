// SPDX-License-Identifier: Apache-2.0
#include "worker/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

namespace morrow::worker {

namespace {

/// The folders of our control group (version 2), from its own up to the root.
std::vector<std::filesystem::path> control_groups() {
  std::ifstream file("/proc/self/cgroup");
  std::string line;
  std::filesystem::path own = "/";
  while (std::getline(file, line)) {
    if (line.starts_with("0::")) own = line.substr(3);
  }
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::vector<std::filesystem::path> groups;
  for (std::filesystem::path at = own.relative_path();; at = at.parent_path()) {
    groups.push_back(at.empty() ? root : root / at);
    if (at.empty()) return groups;
  }
}

}  // namespace

std::uint64_t machine_cpu_milli() {
  std::uint64_t milli = std::max(1u, std::thread::hardware_concurrency()) * 1000ULL;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    milli = static_cast<std::uint64_t>(std::max(1, CPU_COUNT(&allowed))) * 1000;
  for (const auto& group : control_groups()) {
    std::ifstream file(group / "cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) continue;
    const double limit = std::strtod(quota.c_str(), nullptr) / period * 1000;
    if (limit >= 1) milli = std::min(milli, static_cast<std::uint64_t>(limit));
  }
  return milli;
}

std::uint64_t machine_memory_bytes() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  std::uint64_t bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 10 * 8;
  for (const auto& group : control_groups()) {
    std::uint64_t limit = 0;
    if (std::ifstream(group / "memory.max") >> limit) bytes = std::min(bytes, limit);
  }
  std::uint64_t limit = 0;
  if (std::ifstream("/sys/fs/cgroup/memory/memory.limit_in_bytes") >> limit) bytes = std::min(bytes, limit);
  return bytes;
}

std::uint64_t machine_object_bytes() { return machine_memory_bytes() / 8 * 3; }  // of the whole, of which that is 80 %

std::string machine_name() {
  std::array<char, 65> name{};
  gethostname(name.data(), name.size() - 1);
  std::string fit;
  for (const char letter : std::string_view(name.data())) {
    if (letter == '.') break;
    fit += std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '-' || letter == '_' ? letter : '-';
  }
  if (fit.size() > 40) fit.resize(40);
  return fit.empty() ? "worker" : fit;
}

}  // namespace morrow::worker
