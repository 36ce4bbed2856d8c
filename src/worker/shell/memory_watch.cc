// SPDX-License-Identifier: Apache-2.0
//
// Options::memory as a limit. Two things end a process for memory: this watch, when it uses more than its task asked
// for, and the kernel, when the machine or the worker's control group has no more.
//
// What a task uses is hard to say: its process was forked from the first one of the program and shares pages with it,
// and has run other tasks, whose memory the allocator keeps. So what counts is the growth since the task was given to
// an idle process. What it starts counts too. The object memory does not: it is the worker's.
//
// Where the executor has a control group of its own (pool/process/executor_groups.cc), the kernel ends it at a limit
// that lies a little above, so that one which is quicker than ten looks a second harms nobody else.
//
// The kernel does not say whom it killed, only how many so far. A process that died of a SIGKILL that nobody here sent,
// within two seconds after that number rose, is taken for one of them, each rise for one process.
#include "worker/shell/memory_watch.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "control/types.h"

namespace morrow::worker {

namespace {

constexpr std::uint64_t kBetweenLooksMs = 100;  // some hundred megabytes at the most, and a small part of a processor
constexpr std::uint64_t kKernelMs = 1'000;
constexpr std::uint64_t kNotExact = std::numeric_limits<std::uint64_t>::max();

std::string text(std::uint64_t bytes) { return control::Resources{0, bytes, 0, {}}.text(); }

}  // namespace

void MemoryWatch::start() {
  kills_before_ = kills_seen_ = means_.kernel_kills();
  watch_kernel();
}

void MemoryWatch::watch_kernel() {
  means_.after(kKernelMs, [this] {
    kills_before_ = std::max(kills_before_, kills_seen_);
    kills_seen_ = means_.kernel_kills();
    watch_kernel();
  });
}

void MemoryWatch::given(ExecutorId executor, bool first) {
  if (!first && uses_.contains(executor)) return look_soon();
  uses_[executor] = {};
  started(executor);
}

void MemoryWatch::started(ExecutorId executor) {
  const auto use = uses_.find(executor);
  const auto known = use == uses_.end() ? std::nullopt : means_.executor(executor);
  if (!known || use->second.has_process) return;
  use->second = {means_.used(known->pid, kNotExact), 0, true};
  look_soon();
}

void MemoryWatch::look_soon() {
  if (!std::exchange(looks_, true)) means_.after(kBetweenLooksMs, [this] { look(); });
}

void MemoryWatch::look() {
  looks_ = false;
  const std::vector<Executor> all = means_.executors();
  for (const Executor& executor : all) {
    if (executor.asked_bytes != 0) look_at(executor, all);
  }
  if (std::any_of(all.begin(), all.end(), [](const Executor& one) { return one.will_ask; })) look_soon();
}

void MemoryWatch::look_at(const Executor& executor, const std::vector<Executor>& all) {
  const auto found = uses_.find(executor.id);
  if (found == uses_.end() || !found->second.has_process || ended_.contains(executor.id)) return;
  Use& use = found->second;
  const std::uint64_t used = means_.used(executor.pid, use.before + executor.asked_bytes);
  use.last = used - std::min(used, use.before);
  if (use.last <= executor.asked_bytes) return;
  ended_[executor.id] = {
      fmt::format("it used {} of memory, more than the {} that it asked for (Options::memory), so its "
                  "process was ended; {}",
                  text(use.last), text(executor.asked_bytes), largest_but(executor.id, all)),
      executor.asked_bytes, use.last, false};
  means_.kill(executor.id);
}

std::string MemoryWatch::largest_but(ExecutorId id, const std::vector<Executor>& all) const {
  std::uint64_t most = 0;
  std::string name;
  for (const Executor& one : all) {
    if (one.id == id || one.running.empty()) continue;
    const std::uint64_t used = means_.used(one.pid, kNotExact);
    if (used <= most) continue;
    most = used;
    name = one.running;
  }
  return most == 0 ? "no other task ran on this worker"
                   : fmt::format("the largest of its neighbours on this worker was '{}' with {}", name, text(most));
}

std::optional<OutOfMemory> MemoryWatch::why_ended(ExecutorId executor, std::optional<std::uint64_t> asked_bytes,
                                                  bool by_signal_9, bool killed) {
  const auto use = uses_.extract(executor);
  auto ended = ended_.extract(executor);
  if (!ended.empty() && !killed) return std::move(ended.mapped());
  if (!asked_bytes || !by_signal_9 || killed) return std::nullopt;
  const bool counted = means_.kernel_kills() > kills_before_;
  if (counted) ++kills_before_;
  const auto most = means_.killed_at_limit && *asked_bytes != 0 ? means_.killed_at_limit(executor) : std::nullopt;
  if (most) {
    return OutOfMemory{fmt::format("it used {} of memory, more than the {} that it asked for (Options::memory), so the "
                                   "kernel ended its process; {}",
                                   text(*most), text(*asked_bytes), largest_but(executor, means_.executors())),
                       *asked_bytes, *most, false};
  }
  if (!counted) return std::nullopt;
  const std::uint64_t used = use.empty() ? 0 : use.mapped().last;
  const std::string asked = *asked_bytes == 0
                                ? "it asked for none, so that nothing kept other tasks away (Options::memory)"
                                : fmt::format("it asked for {}", text(*asked_bytes));
  return OutOfMemory{fmt::format("memory ran out, and the kernel killed its process; {}{}; {}", asked,
                                 used == 0 ? "" : fmt::format(", and used {} when that was looked at last", text(used)),
                                 largest_but(executor, means_.executors())),
                     *asked_bytes, used, true};
}

}  // namespace morrow::worker
