// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "runtime/client/client.h"
#include "runtime/client/scopes.h"
#include "runtime/executor/task_runner.h"
#include "wire/claim_words.h"
#include "wire/held_results.h"

namespace morrow::runtime {

/// What an executor is made of: the stream to its worker, and the pipes that its standard output and error are.
struct ExecutorSetup {
  wire::Fd stream;
  wire::Fd output;
  wire::Fd errors;
  wire::Fd claim_words;
  wire::Fd object_memory;
  std::string program_key;
};

/// The executor's end of its worker: takes tasks, runs one at a time, and others on top of it while it waits. Has no
/// thread of its own.
class Executor : public Client {
 public:
  explicit Executor(ExecutorSetup setup);

  /// Runs tasks until the worker is gone, then leaves the process.
  [[noreturn]] void run();

 private:
  /// A task that runs in this process.
  struct Running {
    std::uint64_t claim = 0;
    std::uint64_t sequence = 0;
    std::chrono::nanoseconds waited{0};
    Clock::time_point waits_since = {};
    std::uint32_t waiting = 0;
    bool drained = false;
    Waiting* waits_drained = nullptr;
  };
  using TaskPtr = std::unique_ptr<wire::Task>;

  Asker asker() override;
  void post(Lock& lock, wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) override;
  void before_wait() override;
  void after_wait() override;
  void on_frame(wire::FrameType type, std::string_view payload) override;
  void on_lost(const std::string& why) override;
  // Tasks that wait for others leave many processes idle, which would only be in each other's way.
  bool expects_soon() const override { return idle_ != nullptr && last_was_brief_; }
  bool has_guest() const override { return !guests_.empty(); }
  void run_guest(Lock& lock) override;

  Running* current();
  std::vector<detail::Value> objects_of(const wire::Task& task);
  TaskPtr next(std::deque<TaskPtr>& queue);
  void run_task(Lock& lock, TaskPtr task, bool nested);
  void report(Lock& lock, const wire::Task& task, TaskResult result, Running& running);
  bool may_hold() const;
  void send_held();
  void write_all(Lock& lock);
  bool has_unread_output() const;

  static thread_local Running* running_here_;

  wire::Fd output_;
  wire::Fd errors_;
  wire::Fd unread_output_;  // the ends for reading, to be polled
  wire::Fd unread_errors_;
  wire::ClaimWords words_;
  wire::HeldResults held_;
  std::uint32_t held_count_ = 0;
  Clock::time_point held_since_ = {};
  std::string frame_;
  std::deque<TaskPtr> queue_;
  std::deque<TaskPtr> guests_;  // to be run on top of a task that waits
  std::vector<TaskPtr> spare_;
  std::vector<std::shared_ptr<Running>> running_;  // the topmost last
  Waiting* idle_ = nullptr;
  bool last_was_brief_ = false;
  wire::TaskDone done_;
};

}  // namespace morrow::runtime
