// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "worker/pool/context.h"
#include "worker/pool/executor_link.h"
#include "worker/pool/program_image.h"
#include "worker/pool/program_process.h"

namespace morrow::worker {

/// Finds a process for each executor of one program: a fork of its first process, or, when that cannot fork, a process
/// of its own. Owned by a shared_ptr; not thread-safe.
class ProgramRunner final : public ProcessOwner, public std::enable_shared_from_this<ProgramRunner> {
 public:
  ProgramRunner(PoolContext& pool, std::string key);

  /// executor_ready, executor_exited or program_failed follows.
  void start(std::shared_ptr<ExecutorLink> link);
  /// A process asks whether it is to run tasks. When `pid`, an ancestor of it or itself, was started here and did not
  /// come to its Session line, it gets the connection as its channel. False: `pid` is not of this program.
  bool take_back(pid_t pid, pid_t asker, wire::Fd& connection);
  void add_hint(std::int64_t driver_pid) { image_->add_hint(driver_pid); }
  /// Whether no executor runs or waits.
  bool is_unused() const;
  /// Without waiting. \pre it is unused
  void end_processes();
  /// Kills everything and waits.
  void end_now();

 private:
  using Processes = std::vector<std::shared_ptr<ProgramProcess>>;

  void process_ready(ProgramProcess& process, const wire::ProgramReady& message) override;
  void process_forked(ProgramProcess& process, const wire::Forked& message, wire::Fd pidfd) override;
  void process_exited(ProgramProcess& process, const wire::Exited& message) override;
  void process_stuck(ProgramProcess& process) override;
  void process_output(std::string_view text) override;
  void process_ended(ProgramProcess& process, int status) override;

  void pump();
  void pump_in_place();
  void fork(ProgramProcess& process, bool in_place);
  void prepare();
  void start_process(const LaunchPlan& plan);
  void wait_again(const std::shared_ptr<ExecutorLink>& link);
  void fail(const std::string& clause);
  std::string how_it_ended(const ProgramProcess& process, int status) const;
  std::shared_ptr<ProgramProcess> take_process(ProgramProcess& process);

  PoolContext& pool_;
  const std::string key_;
  std::shared_ptr<ProgramImage> image_;
  bool preparing_ = false;
  bool can_fork_ = true;
  std::deque<std::shared_ptr<ExecutorLink>> waiting_;
  Processes starting_;                      ///< not yet at their Session line
  std::shared_ptr<ProgramProcess> server_;  ///< forks
  Processes spare_;                         ///< at their Session line, to become executors
  Processes in_place_;                      ///< executors, or fork servers that must not fork any more
};

}  // namespace morrow::worker
