// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/client/client.h"
#include "runtime/client/scopes.h"
#include "runtime/executor/left_processes.h"
#include "runtime/executor/output_pipes.h"
#include "runtime/executor/process_state.h"
#include "runtime/executor/task_runner.h"
#include "runtime/executor/thread_counts.h"
#include "wire/claim_words.h"
#include "wire/held_results.h"

namespace morrow::runtime {

/// The parts of an executor: the stream to its worker, and the pipes that its standard output and error are.
struct ExecutorSetup {
  wire::Fd stream;
  wire::Fd output;
  wire::Fd errors;
  wire::Fd claim_words;
  wire::Fd object_memory;
  std::string image_key;
};

/// The executor's end of its worker: takes tasks, runs one at a time, and others on top of it while it waits. Has no
/// thread of its own.
class Executor : public Client {
 public:
  explicit Executor(ExecutorSetup setup);

  std::uint64_t task_seed() override EXCLUDES(link_.mutex());

  /// Runs tasks until the worker is gone, or this process is of no use for another task; then leaves the process.
  [[noreturn]] void run() EXCLUDES(link_.mutex());
  /// Tells the worker why this process can't run tasks, before it leaves.
  void tell_start_failed(const std::string& sentence) EXCLUDES(link_.mutex());

 private:
  /// A task that runs in this process.
  struct RunningTask {
    std::uint64_t claim = 0;
    std::uint64_t seed = 0;
    std::uint64_t sequence = 0;
    std::chrono::nanoseconds waited{0};
    Clock::time_point waits_since = {};
    std::uint32_t waiting = 0;
    bool drained = false;
    Waiter* waits_drained = nullptr;
  };
  using TaskPtr = std::unique_ptr<wire::Task>;

  Asker outer_asker() override REQUIRES(link_.mutex());
  void post(wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) override
      REQUIRES(link_.mutex());
  void before_wait() override REQUIRES(link_.mutex());
  void after_wait() override REQUIRES(link_.mutex());
  void on_frame(wire::FrameType type, std::string_view payload) override REQUIRES(link_.mutex());
  void on_lost(const std::string& why) override;
  // Tasks that wait for others leave many processes idle, which would only be in each other's way.
  bool expects_soon() const override REQUIRES(link_.mutex()) { return idle_ != nullptr && last_was_brief_; }
  bool has_guest() const override REQUIRES(link_.mutex()) { return !guests_.empty(); }
  void run_guest() override REQUIRES(link_.mutex());

  RunningTask* current() REQUIRES(link_.mutex());
  std::vector<detail::Value> objects_of(const wire::Task& task) REQUIRES(link_.mutex());
  TaskPtr next(std::deque<TaskPtr>& queue) REQUIRES(link_.mutex());
  void run_task(TaskPtr task, bool nested) REQUIRES(link_.mutex());
  void run_claimed(const wire::Task& task, std::vector<detail::Value> objects, bool nested) REQUIRES(link_.mutex());
  TaskResult call_function(const wire::Task& task, std::vector<detail::Value>& objects, bool nested)
      EXCLUDES(link_.mutex());
  void report(const wire::Task& task, TaskResult result, RunningTask& running) REQUIRES(link_.mutex());
  void fill_done(const wire::Task& task, TaskResult result) REQUIRES(link_.mutex());
  void take_task(std::string_view payload) REQUIRES(link_.mutex());
  void clean_up(const wire::Task& task, std::chrono::steady_clock::duration ran) REQUIRES(link_.mutex());
  void look_when_idle() REQUIRES(link_.mutex());
  void look_for_leftovers() REQUIRES(link_.mutex());
  [[noreturn]] void leave() REQUIRES(link_.mutex());
  bool may_hold() const REQUIRES(link_.mutex());
  void send_held() REQUIRES(link_.mutex());
  void write_all() REQUIRES(link_.mutex());

  static thread_local RunningTask* running_here_;

  const OutputPipes output_;
  wire::ClaimWords words_ GUARDED_BY(link_.mutex());
  wire::HeldResults held_results_ GUARDED_BY(link_.mutex());  // results that are not sent yet
  std::uint32_t held_count_ GUARDED_BY(link_.mutex()) = 0;
  Clock::time_point held_since_ GUARDED_BY(link_.mutex()) = {};
  std::string frame_ GUARDED_BY(link_.mutex());
  std::deque<TaskPtr> queue_ GUARDED_BY(link_.mutex());
  std::deque<TaskPtr> guests_ GUARDED_BY(link_.mutex());     // to be run on top of a task that waits
  wire::TaskValues first_values_ GUARDED_BY(link_.mutex());  // of the next task that comes
  std::vector<TaskPtr> spare_ GUARDED_BY(link_.mutex());     // messages to be used again
  std::vector<std::shared_ptr<RunningTask>> running_ GUARDED_BY(link_.mutex());  // the topmost last
  Waiter* idle_ GUARDED_BY(link_.mutex()) = nullptr;                             // the main thread, with no task
  LeftProcesses left_ GUARDED_BY(link_.mutex());
  ProcessState state_ GUARDED_BY(link_.mutex());
  ThreadCounts threads_ GUARDED_BY(link_.mutex());
  bool ran_one_ GUARDED_BY(link_.mutex()) = false;  // a task began in this process
  bool spent_ GUARDED_BY(link_.mutex()) = false;    // none is to begin in it any more
  std::uint32_t tasks_since_reap_ GUARDED_BY(link_.mutex()) = 0;
  bool last_was_brief_ GUARDED_BY(link_.mutex()) = false;
  /// Brief tasks after which nobody looked for all that a task can leave behind.
  struct Unlooked {
    std::string name;  ///< of the last one
    std::uint32_t tasks = 0;
    std::chrono::steady_clock::time_point next_look = {};
  };
  Unlooked unlooked_ GUARDED_BY(link_.mutex());
  wire::TaskDone done_ GUARDED_BY(link_.mutex());
};

}  // namespace morrow::runtime
