// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "base/process_facts.h"
#include "worker/pool/process/control_groups.h"
#include "worker/pool/process/process_memory.h"
#include "worker/shell/shell.h"

// What the parts are given that look at the processes of tasks: at what memory they use, and whether they stand still.
namespace morrow::worker {

namespace {

std::string said(const std::string& name) { return name.empty() ? "a task" : "task '" + name + "'"; }

}  // namespace

/// By the kernel, where it can. Only when all tasks that the executor has ask for memory: one that does not may use
/// what there is.
void Shell::limit_memory(const action::Dispatch& dispatch) {
  if (options_.groups == nullptr || !options_.groups->limits_memory()) return;
  const auto process = tasks_.executors.process_of(dispatch.executor);
  if (!process) return;
  const auto& others = tasks_.starter.handed(dispatch.executor);
  std::uint64_t sum = dispatch.task.spec->requirements.memory;
  bool all_ask = sum != 0;
  for (const HandedTask& task : others) {
    sum += task.spec->requirements.memory;
    all_ask = all_ask && task.spec->requirements.memory != 0;
  }
  options_.groups->limit(static_cast<std::uint32_t>(*process), all_ask ? std::optional(sum) : std::nullopt,
                         others.empty());
}

/// Nothing: it has no process.
std::optional<MemoryWatch::Executor> Shell::watched(ExecutorId executor) const {
  const auto process = tasks_.executors.process_of(executor);
  const auto pid = process ? pool_.pid(*process) : std::nullopt;
  if (!pid) return std::nullopt;
  MemoryWatch::Executor watched{.id = executor, .pid = *pid, .running = {}};
  std::uint64_t asked = 0;
  for (const HandedTask& task : tasks_.starter.handed(executor)) {
    watched.will_ask |= task.spec->requirements.memory != 0;
    if (!pool_.taken(*process, task.slot, task.generation)) continue;
    watched.running = task.spec->name.empty() ? "a task" : task.spec->name;
    asked += task.spec->requirements.memory;
    watched.asked_bytes = task.spec->requirements.memory == 0 ? 0 : asked;  // those below it hold theirs still
  }
  return watched;
}

MemoryWatch::Means Shell::memory_means() {
  return {
      .executors =
          [this] {
            std::vector<MemoryWatch::Executor> all;
            for (const ExecutorId executor : tasks_.executors.all()) {
              if (auto one = watched(executor)) all.push_back(std::move(*one));
            }
            return all;
          },
      .executor = [this](ExecutorId executor) { return watched(executor); },
      .used = memory_of_tree,
      .kernel_kills = [groups = ControlGroups()] { return groups.memory_kills(); },
      .kill =
          [this](ExecutorId executor) {
            if (const auto process = tasks_.executors.process_of(executor)) pool_.kill(*process);
          },
      .after = call_later(),
      .killed_at_limit = [this](ExecutorId executor) -> std::optional<std::uint64_t> {
        const auto process = tasks_.executors.process_of(executor);
        if (!process || options_.groups == nullptr) return std::nullopt;
        return options_.groups->killed_at_limit(static_cast<std::uint32_t>(*process));
      },
  };
}

NestedWatch::Means Shell::nested_means() {
  return {
      .runs = [this] { return brain_.nested_runs(); },
      .used_while_locked = [this](ExecutorId executor) -> std::optional<std::uint64_t> {
        const auto process = tasks_.executors.process_of(executor);
        const auto pid = process ? pool_.pid(*process) : std::nullopt;
        if (!pid || !base::waits_for_locks(*pid)) return std::nullopt;
        const auto facts = base::process_facts(*pid);
        return facts ? std::optional(facts->used_ticks) : std::nullopt;
      },
      .stands_still =
          [this](const NestedRun& run) {
            if (!brain_.nested_run_stands_still(now(), run.executor, run.claim)) return;
            logs_.note(said(run.name) + " waits for a lock on top of " + said(run.under) +
                       ", which waits for it and may hold that lock: their process was ended, and each begins anew in "
                       "one of its own");
          },
      .after = call_later(),
  };
}

PoolOptions Shell::pool_options() {
  PoolOptions pool;
  pool.cache_folder = options_.cache_folder;
  pool.seal = seal_;
  pool.object_memory = objects_.memory_fd();
  pool.undertaker = options_.undertaker;
  pool.groups = options_.groups;
  pool.devices = options_.devices;
  pool.program_output = [this](const std::string& program, std::string_view text) {
    tasks_.output.program_wrote(program, text);
  };
  return pool;
}

}  // namespace morrow::worker
