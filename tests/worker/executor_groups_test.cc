// SPDX-License-Identifier: Apache-2.0
#include "worker/pool/process/executor_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace morrow::worker {
namespace {

using Path = ExecutorGroups::Path;

constexpr std::uint64_t kMiB = 1 << 20;

/// What the kernel does with control groups, as far as it matters here: a process is in one of them, one that divides
/// its memory has no processes, and one that has processes or others below it can't be removed.
struct FakeKernel {
  struct Group {
    std::set<std::string> processes;
    std::map<std::string, std::string> files;
    bool divides_memory = false;
  };
  std::map<Path, Group> groups;
  std::set<Path> delegated;
  std::set<std::string> stubborn;  ///< processes that live on for a while after they were killed

  bool write(const Path& file, std::string_view text) {
    const auto found = groups.find(file.parent_path());
    if (found == groups.end()) return false;
    Group& group = found->second;
    if (file.filename() == "cgroup.procs") {
      if (group.divides_memory) return false;
      for (auto& [path, other] : groups) other.processes.erase(std::string(text));
      group.processes.emplace(text);
    } else if (file.filename() == "cgroup.subtree_control") {
      if (text == "+memory" && (!group.processes.empty() || group.files["cgroup.controllers"] != "cpu memory"))
        return false;
      group.divides_memory = text == "+memory";
    } else if (file.filename() == "cgroup.kill") {
      std::erase_if(group.processes, [this](const auto& one) { return !stubborn.contains(one); });
    } else {
      group.files[file.filename()] = text;
    }
    return true;
  }
  std::optional<std::string> read(const Path& file) {
    const auto found = groups.find(file.parent_path());
    if (found == groups.end()) return std::nullopt;
    if (file.filename() != "cgroup.procs") return found->second.files[file.filename()];
    std::string all;
    for (const std::string& process : found->second.processes) all += process + "\n";
    return all;
  }
  std::vector<Path> below(const Path& folder) const {
    std::vector<Path> all;
    for (const auto& [path, group] : groups) {
      if (path.parent_path() == folder) all.push_back(path);
    }
    return all;
  }
  ExecutorGroups::Means means() {
    return {
        .write = [this](const Path& file, std::string_view text) { return write(file, text); },
        .read = [this](const Path& file) { return read(file); },
        .make = [this](const Path& folder) { return groups.emplace(folder, Group()).second; },
        .remove =
            [this](const Path& folder) {
              const auto found = groups.find(folder);
              if (found == groups.end() || !found->second.processes.empty() || !below(folder).empty()) return false;
              groups.erase(found);
              return true;
            },
        .groups_below = [this](const Path& folder) { return below(folder); },
        .is_delegated = [this](const Path& folder) { return delegated.contains(folder); },
        .pause = [this] { stubborn.clear(); },
    };
  }
};

class ExecutorGroupsTest : public testing::Test {
 protected:
  ExecutorGroupsTest() {
    kernel_.groups[top_].processes = {"7"};
    kernel_.groups[top_].files["cgroup.controllers"] = "cpu memory";
    kernel_.delegated.insert(top_);
  }
  std::unique_ptr<ExecutorGroups> start() { return std::make_unique<ExecutorGroups>(top_, 7, kernel_.means()); }
  /// That of the n-th executor that got a process.
  Path folder(int number) const { return top_ / ("morrow-executor-7-" + std::to_string(number)); }
  std::string file(int number, const std::string& name) { return kernel_.groups.at(folder(number)).files[name]; }

  const Path top_ = "/cgroup/unit";
  FakeKernel kernel_;
};

TEST_F(ExecutorGroupsTest, AnExecutorIsHeldToWhatItsTaskAskedForBeforeItBegins) {
  const auto groups = start();
  EXPECT_TRUE(groups->active());
  EXPECT_TRUE(groups->limits_memory());
  EXPECT_EQ(kernel_.groups.at(top_ / "morrow-worker").processes, std::set<std::string>{"7"});
  groups->limit(1, 100 * kMiB, true);  // its process is being started
  groups->add(1, 20);
  EXPECT_EQ(kernel_.groups.at(folder(1)).processes, std::set<std::string>{"20"});
  EXPECT_EQ(file(1, "memory.oom.group"), "1");
  const std::uint64_t limit = std::stoull(file(1, "memory.max"));
  EXPECT_GT(limit, 100 * kMiB);
  EXPECT_LT(limit, 130 * kMiB);
}

TEST_F(ExecutorGroupsTest, WhatAnExecutorUsedBeforeDoesNotCountAndATaskThatAsksForNothingHasNoLimit) {
  const auto groups = start();
  groups->add(1, 20);
  groups->limit(1, std::nullopt, true);
  EXPECT_EQ(file(1, "memory.max"), "") << "there was none";
  kernel_.groups.at(folder(1)).files["memory.current"] = std::to_string(500 * kMiB);
  groups->limit(1, 100 * kMiB, true);
  EXPECT_GT(std::stoull(file(1, "memory.max")), 600 * kMiB);
  kernel_.groups.at(folder(1)).files["memory.current"] = std::to_string(590 * kMiB);
  groups->limit(1, 200 * kMiB, false);
  EXPECT_LT(std::stoull(file(1, "memory.max")), 750 * kMiB) << "counted from the same start";
  groups->limit(1, std::nullopt, false);
  EXPECT_EQ(file(1, "memory.max"), "max");
}

TEST_F(ExecutorGroupsTest, WhatTheKernelKilledAtTheLimitIsKnownWithTheMostItUsed) {
  const auto groups = start();
  groups->add(1, 20);
  kernel_.groups.at(folder(1)).files["memory.events"] = "low 0\nmax 3\noom 1\noom_kill 1\n";
  kernel_.groups.at(folder(1)).files["memory.peak"] = std::to_string(150 * kMiB);
  EXPECT_EQ(groups->killed_at_limit(1), std::nullopt) << "it had no limit of its own";
  kernel_.groups.at(folder(1)).files["memory.current"] = std::to_string(30 * kMiB);
  groups->limit(1, 100 * kMiB, true);
  EXPECT_EQ(groups->killed_at_limit(1), 120 * kMiB);
  kernel_.groups.at(folder(1)).files["memory.events"] = "oom 0\noom_kill 0\n";
  EXPECT_EQ(groups->killed_at_limit(1), std::nullopt);
  EXPECT_EQ(groups->killed_at_limit(2), std::nullopt);
}

TEST_F(ExecutorGroupsTest, AllThatIsInAGroupEndsWithItAlsoInGroupsBelow) {
  const auto groups = start();
  groups->add(1, 20);
  kernel_.groups.at(folder(1)).processes.insert("21");
  kernel_.groups[folder(1) / "own"].processes = {"22"};
  kernel_.stubborn = {"21"};
  groups->end(1);
  EXPECT_FALSE(kernel_.groups.contains(folder(1) / "own"));
  EXPECT_EQ(kernel_.groups.at(folder(1)).processes, std::set<std::string>{"21"});
  kernel_.stubborn.clear();
  groups->end(1);
  EXPECT_FALSE(kernel_.groups.contains(folder(1))) << "removed when the killed were gone";
  groups->add(1, 30);
  EXPECT_EQ(kernel_.groups.at(folder(2)).processes, std::set<std::string>{"30"}) << "one with the same number";
}

TEST_F(ExecutorGroupsTest, TheEndLeavesTheGroupAsItWasFound) {
  {
    const auto groups = start();
    kernel_.groups.at(top_ / "morrow-worker").processes.insert("8");  // an undertaker
    groups->add(1, 20);
    groups->add(2, 21);
    kernel_.stubborn = {"21"};
  }
  EXPECT_EQ(kernel_.groups.size(), 1U);
  EXPECT_EQ(kernel_.groups.at(top_).processes, (std::set<std::string>{"7", "8"}));
  EXPECT_FALSE(kernel_.groups.at(top_).divides_memory);
}

TEST_F(ExecutorGroupsTest, WhatAWorkerThatWasKilledHasLeftIsRemovedByTheNextOne) {
  kernel_.groups[top_ / "morrow-worker"];
  kernel_.groups[top_ / "morrow-executor-6-3"].processes = {"99"};
  kernel_.groups[top_ / "of-another"].processes = {"98"};
  const auto groups = start();
  EXPECT_TRUE(groups->active());
  EXPECT_FALSE(kernel_.groups.contains(top_ / "morrow-executor-6-3"));
  EXPECT_TRUE(kernel_.groups.contains(top_ / "of-another"));
}

TEST_F(ExecutorGroupsTest, WhatWasNotDelegatedOrHasOthersInItIsLeftAlone) {
  const auto untouched = [this] {
    const auto before = kernel_.groups.size();
    const auto groups = start();
    groups->limit(1, kMiB, true);
    groups->add(1, 20);
    groups->kill(1);
    groups->end(1);
    return !groups->active() && kernel_.groups.size() == before && !kernel_.groups.at(top_).processes.empty();
  };
  kernel_.delegated.clear();
  EXPECT_TRUE(untouched());
  kernel_.delegated.insert(top_);
  kernel_.groups.at(top_).processes.insert("6");
  EXPECT_TRUE(untouched());
  const ExecutorGroups none(std::nullopt, 7, kernel_.means());
  EXPECT_FALSE(none.active());
}

TEST_F(ExecutorGroupsTest, WithoutMemoryItOnlyEndsWhatWasStarted) {
  kernel_.groups.at(top_).files["cgroup.controllers"] = "cpu";
  const auto groups = start();
  EXPECT_TRUE(groups->active());
  EXPECT_FALSE(groups->limits_memory());
  groups->add(1, 20);
  groups->limit(1, kMiB, true);
  EXPECT_EQ(file(1, "memory.max"), "");
  groups->kill(1);
  EXPECT_TRUE(kernel_.groups.at(folder(1)).processes.empty());
}

}  // namespace
}  // namespace morrow::worker
