// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace morrow::worker {

/// A control group (version 2) for each executor, below the worker's own, where the system has delegated that to the
/// worker; else nothing is done. What an executor and all that it started use is held to a limit by the kernel there,
/// and ends with it. Failures are passed over: without groups there are other ways. Main thread only.
class ExecutorGroups {
 public:
  using Path = std::filesystem::path;
  /// The group that the worker itself is in then, below the delegated one.
  static constexpr const char* kWorkerGroup = "morrow-worker";

  /// What it acts with; `true`: it worked.
  struct Means {
    std::function<bool(const Path& file, std::string_view text)> write;
    std::function<std::optional<std::string>(const Path& file)> read;
    std::function<bool(const Path& folder)> make;
    std::function<bool(const Path& folder)> remove;
    std::function<std::vector<Path>(const Path& folder)> groups_below;
    std::function<bool(const Path& folder)> is_delegated;
    std::function<void()> pause;  ///< a moment, for processes that are killed
  };
  static Means means();

  /// Looks at `own`, the group of this process, and when it may, clears what a worker that was killed has left there,
  /// and enters a group below it. To be called before this process has children.
  ExecutorGroups(std::optional<Path> own, pid_t self, Means means);
  /// Removes all groups.
  ~ExecutorGroups();
  ExecutorGroups(const ExecutorGroups&) = delete;
  ExecutorGroups& operator=(const ExecutorGroups&) = delete;

  bool active() const { return top_.has_value(); }
  bool limits_memory() const { return memory_; }

  /// The executor has this process. A limit that was set before holds at once.
  void add(std::uint32_t executor, pid_t process);
  /// What it uses may grow by so much, from now on when `fresh`, else from when it was fresh last; nothing: without
  /// limit. It may have no process yet.
  void limit(std::uint32_t executor, std::optional<std::uint64_t> growth_bytes, bool fresh);
  /// The most that it has used, when the kernel killed something of it at its limit.
  std::optional<std::uint64_t> killed_at_limit(std::uint32_t executor) const;
  /// Kills all that is in it.
  void kill(std::uint32_t executor);
  /// Kills all that is left in it, and removes it; at the next call (of any), if the killed need some time.
  void end(std::uint32_t executor);

 private:
  /// What is known of an executor.
  struct Group {
    std::optional<Path> folder;  ///< nothing: it has no process yet, or no group could be made
    std::optional<std::uint64_t> growth;
    std::uint64_t before = 0;  ///< what it used when it was fresh
    bool limited = false;      ///< the kernel has a limit for it
  };
  bool enter(const Path& own, pid_t self);
  bool leave();
  void write_limit(Group& group);
  std::uint64_t used(const Group& group) const;
  bool kill_and_remove(const Path& folder);
  void remove_ending();

  Means means_;
  std::optional<Path> top_;  ///< the delegated group
  pid_t self_ = 0;
  bool memory_ = false;
  std::uint32_t made_ = 0;  ///< so far
  std::map<std::uint32_t, Group> groups_;
  std::vector<Path> ending_;  ///< killed, and not removed yet
};

}  // namespace morrow::worker
