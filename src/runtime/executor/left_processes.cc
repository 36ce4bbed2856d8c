// SPDX-License-Identifier: Apache-2.0
//
// A child that has ended stays as a zombie until its parent asks how. An executor is the parent of what its tasks have
// started and did not wait for, and, as a subreaper, of what those have left. Nobody else can reap them, and a process
// that runs a million tasks would fill the system's table of processes.
//
// But a child that somebody waits for must not be taken from him. Nothing tells an orphan that came here from a child
// that a task has started, so while a task runs none is touched. When the last one of this process has returned, what
// is left of its children is nobody's. There may be others who wait: the program, for what it has started before its
// first task; and threads of it that live on. Linux keeps children by the thread that started them, and gives orphans
// to the first thread, which runs the tasks: so only that thread's are asked for (__WNOTHREAD).
#include "runtime/executor/left_processes.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/process_tree.h"

namespace morrow::runtime {

namespace {

constexpr int kOurs = WNOHANG | __WNOTHREAD;

}  // namespace

void LeftProcesses::spare_those_there() { spared_ = base::children_of(getpid()); }

bool LeftProcesses::reap() const {
  if (spared_.empty()) {
    pid_t pid = 0;
    while ((pid = waitpid(-1, nullptr, kOurs)) > 0) {
    }
    return pid == 0;
  }
  bool some_live = false;
  for (const pid_t pid : base::children_of(getpid())) {
    const bool spared = std::find(spared_.begin(), spared_.end(), pid) != spared_.end();
    if (!spared && waitpid(pid, nullptr, kOurs) == 0) some_live = true;
  }
  return some_live;
}

}  // namespace morrow::runtime
