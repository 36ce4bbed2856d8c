// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/process_memory.h"

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/process_tree.h"

namespace morrow::worker {

namespace {

constexpr std::size_t kMostProcesses = 1'000;  // a bound for the look, not for the tree

// The sum of some lines "Name:  123 kB" of a file of /proc.
std::uint64_t sum_of(const std::string& path, std::initializer_list<std::string_view> names) {
  std::ifstream file(path);
  std::uint64_t sum = 0;
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view name : names) {
      if (line.starts_with(name)) sum += std::strtoull(line.c_str() + name.size(), nullptr, 10) * 1'024;
    }
  }
  return sum;
}

std::uint64_t sum_of_tree(const std::vector<pid_t>& tree, const std::string& file,
                          std::initializer_list<std::string_view> names) {
  std::uint64_t sum = 0;
  for (const pid_t pid : tree) sum += sum_of("/proc/" + std::to_string(pid) + "/" + file, names);
  return sum;
}

}  // namespace

std::uint64_t memory_of_tree(pid_t root, std::uint64_t exact_above) {
  std::vector<pid_t> tree{root};
  for (std::size_t i = 0; i < tree.size() && tree.size() < kMostProcesses; ++i) {
    for (const pid_t child : base::children_of(tree[i])) tree.push_back(child);
  }
  const std::uint64_t quick = sum_of_tree(tree, "status", {"RssAnon:", "VmSwap:"});
  if (tree.size() == 1 || quick <= exact_above) return quick;
  // The kernel walks over all pages for this.
  return sum_of_tree(tree, "smaps_rollup", {"Pss_Anon:", "SwapPss:"});
}

}  // namespace morrow::worker
