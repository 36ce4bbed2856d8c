// SPDX-License-Identifier: Apache-2.0
#include "worker/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <thread>

#include "control/types.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kOneCpu = control::kOneMicro;

}  // namespace

std::uint64_t machine_cpu_micro(const ControlGroups& groups) {
  std::uint64_t micro = std::max(1u, std::thread::hardware_concurrency()) * kOneCpu;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    micro = static_cast<std::uint64_t>(std::max(1, CPU_COUNT(&allowed))) * kOneCpu;
  if (const auto limit = groups.cpu_limit())
    micro = std::min(micro, static_cast<std::uint64_t>(*limit * static_cast<double>(kOneCpu)));
  return std::max(micro, kOneCpu);
}

std::uint64_t machine_memory_bytes(const ControlGroups& groups) {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  const std::uint64_t bytes = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(bytes, groups.memory_limit().value_or(bytes));
}

std::uint64_t object_memory_of(std::uint64_t memory) { return memory / 10 * 3; }

std::uint64_t task_memory_of(std::uint64_t memory, std::uint64_t object_memory) {
  const std::uint64_t ours = memory / 10 * 8;
  return std::max(ours - std::min(ours, object_memory), memory / 10);
}

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
