// SPDX-License-Identifier: Apache-2.0
//
// What a process may use is limited by its control group and by every group above it; each of them may have the
// smallest limit. /proc/self/cgroup names the own group for each hierarchy:
//
//     4:memory:/batch/job17       version 1: below /sys/fs/cgroup/memory
//     3:cpu,cpuacct:/batch/job17  below /sys/fs/cgroup/cpu, mostly a link to cpu,cpuacct
//     0::/batch/job17             version 2: below /sys/fs/cgroup, or unified/ in it beside version 1
//
// In a container the path may be that of the host, where the folder with the container's own limits is the top one
// that is mounted. So all on the way up are read, and what is not there limits nothing.
#include "worker/pool/process/control_groups.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "worker/pool/process/executor_groups.h"

namespace morrow::worker {

namespace {

// A limit that is none: version 1 writes the largest number of whole pages.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;

std::vector<std::filesystem::path> folders_up(const std::filesystem::path& top, const std::string& group) {
  std::vector<std::filesystem::path> folders;
  for (std::filesystem::path at = std::filesystem::path(group).relative_path();; at = at.parent_path()) {
    folders.push_back(at.empty() ? top : top / at);
    if (at.empty()) return folders;
  }
}

std::optional<std::uint64_t> number_in(const std::filesystem::path& path) {
  std::uint64_t number = 0;
  if (!(std::ifstream(path) >> number) || number >= kNoLimit) return std::nullopt;  // "max" or "-1", too
  return number;
}

// Of a file with lines "name number".
std::optional<std::uint64_t> number_after(const std::filesystem::path& path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  std::uint64_t number = 0;
  while (file >> word >> number) {
    if (word == name) return number;
  }
  return std::nullopt;
}

template <class N>
void take_smaller(std::optional<N>& least, const std::optional<N>& other) {
  if (other && (!least || *other < *least)) least = other;
}

}  // namespace

ControlGroups::ControlGroups(const std::string& root) : root_(root) {
  const std::filesystem::path mounts = root + "/sys/fs/cgroup";
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    const bool hybrid = std::filesystem::exists(mounts / "unified");
    if (controllers == ",,") unified_ = folders_up(hybrid ? mounts / "unified" : mounts, group);
    if (controllers.find(",memory,") != std::string::npos) memory_ = folders_up(mounts / "memory", group);
    if (controllers.find(",cpu,") != std::string::npos) cpu_ = folders_up(mounts / "cpu", group);
  }
}

std::optional<std::filesystem::path> ControlGroups::own() const {
  if (unified_.empty()) return std::nullopt;
  return unified_.front();
}

std::optional<std::uint64_t> ControlGroups::memory_limit() const {
  std::optional<std::uint64_t> least;
  for (const auto& folder : unified_) {
    take_smaller(least, number_in(folder / "memory.max"));
    take_smaller(least, number_in(folder / "memory.high"));  // above it the kernel slows the group down to a crawl
  }
  for (const auto& folder : memory_) take_smaller(least, number_in(folder / "memory.limit_in_bytes"));
  return least;
}

std::optional<double> ControlGroups::cpu_limit() const {
  std::optional<double> least;
  const auto take = [&](std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
    if (!quota || !period || *period == 0) return;
    take_smaller(least, std::optional(static_cast<double>(*quota) / static_cast<double>(*period)));
  };
  for (const auto& folder : unified_) {
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    if (std::ifstream(folder / "cpu.max") >> quota >> period) take(quota, period);
  }
  for (const auto& folder : cpu_) take(number_in(folder / "cpu.cfs_quota_us"), number_in(folder / "cpu.cfs_period_us"));
  return least;
}

std::uint64_t ControlGroups::memory_kills() const {
  std::optional<std::uint64_t> kills;
  // The executors may have groups beside the worker's: then the one above counts for all.
  const bool is_below = unified_.size() > 1 && unified_.front().filename() == ExecutorGroups::kWorkerGroup;
  if (!unified_.empty()) kills = number_after(unified_[is_below ? 1 : 0] / "memory.events", "oom_kill");
  if (!kills && !memory_.empty()) kills = number_after(memory_.front() / "memory.oom_control", "oom_kill");
  if (!kills) kills = number_after(root_ + "/proc/vmstat", "oom_kill");
  return kills.value_or(0);
}

}  // namespace morrow::worker
