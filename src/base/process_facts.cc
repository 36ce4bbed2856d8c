// SPDX-License-Identifier: Apache-2.0
#include "base/process_facts.h"

#include <dirent.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace morrow::base {

namespace {

// Fields that are skipped, of those in man 5 proc.
constexpr int kFromParentToUserTime = 9;
constexpr int kFromSystemTimeToStart = 6;

constexpr std::size_t kDeepest = 256;  // ancestors

}  // namespace

std::optional<ProcessFacts> parse_process_facts(std::string_view text) {
  // "PID (NAME) STATE …": the name may hold anything, a parenthesis too.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::istringstream fields{std::string(text.substr(name_end + 1))};
  const auto skip = [&fields](int count) {
    std::string skipped;
    for (int i = 0; i < count; ++i) fields >> skipped;
  };
  ProcessFacts facts;
  std::uint64_t user_ticks = 0;
  std::uint64_t system_ticks = 0;
  fields >> facts.state >> facts.parent;
  skip(kFromParentToUserTime);
  fields >> user_ticks >> system_ticks;
  skip(kFromSystemTimeToStart);
  if (!(fields >> facts.started_ticks)) return std::nullopt;
  facts.used_ticks = user_ticks + system_ticks;
  return facts;
}

std::optional<ProcessFacts> process_facts(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  return parse_process_facts(std::string{std::istreambuf_iterator<char>(file), {}});
}

FileId program_of(pid_t pid) {
  struct stat status {};
  return stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &status) == 0 ? FileId(status.st_dev, status.st_ino)
                                                                               : FileId();
}

std::vector<pid_t> with_ancestors(pid_t pid) {
  std::vector<pid_t> all;
  while (pid > 0 && all.size() < kDeepest) {
    all.push_back(pid);
    const auto facts = process_facts(pid);
    pid = facts ? facts->parent : 0;
  }
  return all;
}

std::size_t count_threads() {
  DIR* const folder = opendir("/proc/self/task");
  if (folder == nullptr) return 1;
  std::size_t count = 0;
  while (const dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

}  // namespace morrow::base
