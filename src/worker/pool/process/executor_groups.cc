// SPDX-License-Identifier: Apache-2.0
//
// The kernel can hold a group of processes to a limit of memory, and end all of it at once: control groups, version 2.
// But their tree belongs to the system. A process may use the part that was delegated to it: systemd does that for
// units with Delegate=yes, and marks the folder with an attribute; a folder that was given to a plain user is his.
// Anything else is left alone, also where root could write.
//
// A group that has processes of its own can't divide its memory among groups below it. So the worker, which must be
// alone in the delegated group, goes one step down first:
//
//     delegated group              memory for those below
//       morrow-worker              the worker, its undertaker, the first processes of programs
//       morrow-executor-412-7      an executor and all that it has started
//
// An executor is moved when its process is known, before it gets a task. What it shares with the first process of its
// program stays charged there. Its limit is what it uses when a task comes and what that asked for, and some more: the
// kernel counts its own tables and what is cached of files too, and a task that keeps to what it asked for must never
// be killed. The exact look is memory_watch.cc's, ten times a second; the limit is for what is quicker.
//
// Where memory is not delegated, groups still end all that an executor has started. Read next: the kernel's
// Documentation/admin-guide/cgroup-v2.rst, "Delegation"; control_groups.cc for the limits that the worker itself has.
#include "worker/pool/process/executor_groups.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

namespace morrow::worker {

namespace {

using Path = ExecutorGroups::Path;

constexpr std::string_view kExecutorGroup = "morrow-executor-";
constexpr std::chrono::milliseconds kPause{5};
constexpr int kPauses = 200;  // at the end; one that hangs in the kernel can't be waited for
// For page tables, stacks of the kernel and the like.
constexpr std::uint64_t kSpareBytes = 16 << 20;
constexpr std::uint64_t kSparePart = 16;

bool has_word(std::string_view text, std::string_view word) {
  std::istringstream words{std::string(text)};
  for (std::string one; words >> one;) {
    if (one == word) return true;
  }
  return false;
}

// Of lines "name number".
std::uint64_t number_after(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  std::string word;
  for (std::uint64_t number = 0; lines >> word >> number;) {
    if (word == name) return number;
  }
  return 0;
}

bool write_file(const Path& file, std::string_view text) {
  const int fd = open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return close(fd) == 0 && done;
}

std::optional<std::string> read_file(const Path& file) {
  std::ifstream in(file);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

bool has_mark(const Path& folder, const char* name) {
  std::array<char, 2> value{};
  return getxattr(folder.c_str(), name, value.data(), value.size()) == 1 && value[0] == '1';
}

bool is_delegated(const Path& folder) {
  struct stat facts {};
  const bool may_write = access(folder.c_str(), W_OK) == 0 && access((folder / "cgroup.procs").c_str(), W_OK) == 0 &&
                         access((folder / "cgroup.subtree_control").c_str(), W_OK) == 0;
  if (!may_write || stat(folder.c_str(), &facts) != 0) return false;
  const bool is_top = access((folder / "cgroup.events").c_str(), F_OK) != 0;  // of the whole machine
  if (is_top) return false;
  if (has_mark(folder, "user.delegate") || has_mark(folder, "trusted.delegate")) return true;
  return geteuid() != 0 && facts.st_uid == geteuid();
}

std::vector<Path> groups_below(const Path& folder) {
  std::vector<Path> all;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error)) all.push_back(entry->path());
  }
  return all;
}

}  // namespace

ExecutorGroups::Means ExecutorGroups::means() {
  return {
      .write = write_file,
      .read = read_file,
      .make = [](const Path& folder) { return mkdir(folder.c_str(), 0755) == 0; },
      .remove = [](const Path& folder) { return rmdir(folder.c_str()) == 0; },
      .groups_below = groups_below,
      .is_delegated = is_delegated,
      .pause = [] { std::this_thread::sleep_for(kPause); },
  };
}

ExecutorGroups::ExecutorGroups(std::optional<Path> own, pid_t self, Means means)
    : means_(std::move(means)), self_(self) {
  if (!own || !means_.is_delegated(*own) || !enter(*own, self)) return;
  top_ = std::move(own);
  for (const Path& left : means_.groups_below(*top_)) {
    if (left.filename().string().starts_with(kExecutorGroup)) ending_.push_back(left);
  }
  remove_ending();
}

ExecutorGroups::~ExecutorGroups() {
  if (!top_) return;
  while (!groups_.empty()) end(groups_.begin()->first);
  for (int i = 0; i < kPauses && !ending_.empty(); ++i) {
    means_.pause();
    remove_ending();
  }
  // As it was found, for whoever is started there next.
  if (memory_) means_.write(*top_ / "cgroup.subtree_control", "-memory");
  for (int i = 0; i < kPauses && !leave(); ++i) means_.pause();
}

/// False: a process that has just ended is in the worker's group for a moment still, or one has come into it.
bool ExecutorGroups::leave() {
  const Path below = *top_ / kWorkerGroup;
  std::istringstream processes(means_.read(below / "cgroup.procs").value_or(""));
  for (std::string process; processes >> process;) means_.write(*top_ / "cgroup.procs", process);
  return means_.remove(below);
}

/// False: all is as it was.
bool ExecutorGroups::enter(const Path& own, pid_t self) {
  const std::string number = std::to_string(self);
  std::istringstream processes(means_.read(own / "cgroup.procs").value_or(""));
  for (std::string process; processes >> process;) {
    if (process != number) return false;  // whose it is, and whether it may be moved, is not known
  }
  const Path below = own / kWorkerGroup;
  means_.make(below);  // may be there, of a worker that was killed
  if (!means_.write(below / "cgroup.procs", number)) {
    means_.remove(below);
    return false;
  }
  const bool offered = has_word(means_.read(own / "cgroup.controllers").value_or(""), "memory");
  memory_ = offered && means_.write(own / "cgroup.subtree_control", "+memory");
  return true;
}

void ExecutorGroups::add(std::uint32_t executor, pid_t process) {
  if (!top_) return;
  remove_ending();
  Group& group = groups_[executor];
  // A name of its own: one with the same number may not be gone yet.
  const Path folder = *top_ / (std::string(kExecutorGroup) + std::to_string(self_) + "-" + std::to_string(++made_));
  if (!means_.make(folder)) return;
  if (!means_.write(folder / "cgroup.procs", std::to_string(process))) {
    means_.remove(folder);
    return;
  }
  group.folder = folder;
  if (memory_) means_.write(folder / "memory.oom.group", "1");
  group.before = used(group);
  write_limit(group);
}

void ExecutorGroups::limit(std::uint32_t executor, std::optional<std::uint64_t> growth_bytes, bool fresh) {
  if (!memory_) return;
  const auto known = groups_.find(executor);
  if (known == groups_.end() && !growth_bytes) return;
  Group& group = groups_[executor];
  if (fresh && growth_bytes) group.before = used(group);
  group.growth = growth_bytes;
  write_limit(group);
}

void ExecutorGroups::write_limit(Group& group) {
  if (!memory_ || !group.folder || (!group.growth && !group.limited)) return;
  const std::uint64_t growth = group.growth.value_or(0);
  const std::string text =
      group.growth ? std::to_string(group.before + growth + growth / kSparePart + kSpareBytes) : std::string("max");
  group.limited = means_.write(*group.folder / "memory.max", text) && group.growth;
}

std::uint64_t ExecutorGroups::used(const Group& group) const {
  if (!group.folder) return 0;
  return std::strtoull(means_.read(*group.folder / "memory.current").value_or("0").c_str(), nullptr, 10);
}

std::optional<std::uint64_t> ExecutorGroups::killed_at_limit(std::uint32_t executor) const {
  const auto known = groups_.find(executor);
  if (known == groups_.end() || !known->second.folder || !known->second.limited) return std::nullopt;
  const Group& group = known->second;
  const auto events = means_.read(*group.folder / "memory.events");
  if (!events || number_after(*events, "oom_kill") == 0) return std::nullopt;
  const auto peak = means_.read(*group.folder / "memory.peak");
  const std::uint64_t most = peak ? std::strtoull(peak->c_str(), nullptr, 10) : 0;
  return most - std::min(most, group.before);
}

void ExecutorGroups::kill(std::uint32_t executor) {
  const auto known = groups_.find(executor);
  if (known != groups_.end() && known->second.folder) means_.write(*known->second.folder / "cgroup.kill", "1");
}

void ExecutorGroups::end(std::uint32_t executor) {
  const auto group = groups_.extract(executor);
  if (!group.empty() && group.mapped().folder) ending_.push_back(*group.mapped().folder);
  remove_ending();
}

/// A task may have made groups of its own below; what it could make is its user's.
bool ExecutorGroups::kill_and_remove(const Path& folder) {
  means_.write(folder / "cgroup.kill", "1");
  for (const Path& below : means_.groups_below(folder)) kill_and_remove(below);
  return means_.remove(folder);
}

void ExecutorGroups::remove_ending() {
  std::erase_if(ending_, [this](const Path& folder) { return kill_and_remove(folder); });
}

}  // namespace morrow::worker
