// SPDX-License-Identifier: Apache-2.0
#include "base/process_facts.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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

/// Gives `look` the folder in /proc of each thread, while it returns true. False: it did not, or there is no process.
template <typename Look>
bool for_each_thread(const std::string& pid, Look look) {
  const std::string path = "/proc/" + pid + "/task";
  DIR* const folder = opendir(path.c_str());
  if (folder == nullptr) return false;
  bool goes_on = true;
  while (const dirent* entry = goes_on ? readdir(folder) : nullptr) {
    if (entry->d_name[0] != '.') goes_on = look(path + "/" + entry->d_name);
  }
  closedir(folder);
  return goes_on;
}

/// What a thread waits for: nothing, or something else; another thread, as it is joined or as a lock of several
/// processes is waited for; a lock of its own process.
enum class WaitsFor : std::uint8_t { kOther, kAnyFutex, kOwnFutex };

/// By /proc/PID/task/TID/syscall: the number of the call and its arguments, or "running".
WaitsFor what_waits(const std::string& folder) {
  std::ifstream text(folder + "/syscall");
  long call = -1;
  std::uint64_t arguments[4] = {};
  text >> std::dec >> call >> std::hex;
  for (std::uint64_t& argument : arguments) text >> argument;
  if (!text || call != SYS_futex || arguments[3] != 0) return WaitsFor::kOther;  // one with a timeout ends by itself
  return (arguments[1] & FUTEX_PRIVATE_FLAG) != 0 ? WaitsFor::kOwnFutex : WaitsFor::kAnyFutex;
}

/// A thread that Morrow has in a process of the program.
bool is_of_morrow(const std::string& folder) {
  std::string name;
  std::getline(std::ifstream(folder + "/comm"), name);
  return name == kWatchThread;
}

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

bool waits_for_locks(pid_t pid) {
  bool own = false;
  const bool all = for_each_thread(std::to_string(pid), [&](const std::string& folder) {
    if (is_of_morrow(folder)) return true;
    const WaitsFor what = what_waits(folder);
    own |= what == WaitsFor::kOwnFutex;
    return what != WaitsFor::kOther;
  });
  return all && own;
}

std::size_t count_threads() {
  std::size_t count = 0;
  const bool seen = for_each_thread("self", [&count](const std::string&) {
    ++count;
    return true;
  });
  return seen ? count : 1;
}

}  // namespace morrow::base
