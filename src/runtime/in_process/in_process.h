// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <morrow/session.h>

#include "base/mutex.h"
#include "runtime/backend/backend.h"
#include "runtime/client/link.h"
#include "runtime/executor/task_runner.h"
#include "runtime/in_process/futures.h"
#include "runtime/in_process/resource_counts.h"

namespace morrow::runtime {

/// A session that runs its tasks as threads of the program: for tests and debuggers. Values, futures and errors are as
/// with a worker, since tasks are packed and called by the same code; there is no store, and nothing keeps a task that
/// crashes from taking the program along. Thread-safe.
class InProcess : public Backend {
 public:
  /// \throws SessionError when an option is outside of its limits
  explicit InProcess(const SessionOptions& options);

  detail::FutureId submit(const detail::Call& call, const Options& options, std::source_location where) override
      EXCLUDES(mutex_);
  std::optional<detail::FutureId> find(const std::string& name) override EXCLUDES(mutex_);
  detail::Value get(detail::FutureId id) override EXCLUDES(mutex_);
  std::optional<detail::Value> get_for(detail::FutureId id, std::chrono::nanoseconds timeout) override EXCLUDES(mutex_);
  void get_all(std::span<const detail::FutureId> ids, const std::function<void(const detail::Value&)>& take) override
      EXCLUDES(mutex_);
  bool ready(detail::FutureId id) override EXCLUDES(mutex_);
  std::vector<bool> wait(std::span<const detail::FutureId> ids, std::size_t count,
                         std::optional<std::chrono::nanoseconds> timeout) override EXCLUDES(mutex_);
  bool wait_all(std::uint64_t scope, std::optional<std::chrono::nanoseconds> timeout) override EXCLUDES(mutex_);
  void release(detail::FutureId id) override EXCLUDES(mutex_);
  void cancel(detail::FutureId id) override EXCLUDES(mutex_);
  void flush() override {}
  std::uint64_t open_scope() override EXCLUDES(mutex_);
  void end_scope(std::uint64_t scope) override EXCLUDES(mutex_);
  std::optional<detail::Room> reserve(std::size_t, bool) override { return std::nullopt; }
  detail::FutureId put(detail::Result&& result, const char* type_name, std::int64_t copies) override EXCLUDES(mutex_);
  std::uint64_t size_of(detail::FutureId id) override EXCLUDES(mutex_);
  std::uint64_t task_seed() override EXCLUDES(mutex_);

  /// Cancels what has not ended, and waits for the threads that run still: nothing can stop them.
  void end() override EXCLUDES(mutex_);

 private:
  /// Something to be done with an attempt at a later time.
  struct Alarm {
    detail::FutureId id;
    std::uint32_t failures = 0;  ///< of the attempts before
  };
  /// A detached future.
  struct Named {
    detail::FutureId id;
    std::string submitter;  ///< the lineage of the task; empty: the driver
    std::uint64_t claim = 0;
  };

  // in_process.cc
  void check() const REQUIRES(mutex_);
  bool is_dropped() const REQUIRES(mutex_);
  std::uint64_t outer_scope() REQUIRES(mutex_);
  detail::FutureId new_id() REQUIRES(mutex_);
  FuturePtr must_be_there(detail::FutureId id) const REQUIRES(mutex_);
  void add_task(const FuturePtr& future, std::span<const detail::FutureId> dependencies) REQUIRES(mutex_);

  // waiting.cc
  bool wait_for(std::span<const FuturePtr> futures, std::size_t need, const Deadline& deadline) REQUIRES(mutex_);
  bool sleep_until_ended(FutureWaiter& waiter, std::span<const FuturePtr> futures, const Deadline& deadline)
      REQUIRES(mutex_);
  bool run_here(const FuturePtr& future) REQUIRES(mutex_);
  void begin_wait(FutureWaiter& waiter, std::span<const FuturePtr> needs_all) REQUIRES(mutex_);
  void end_wait() REQUIRES(mutex_);
  void tell_wait(std::span<const FuturePtr> futures) REQUIRES(mutex_);
  void end_in_deadlock(RunningTask& me) REQUIRES(mutex_);
  detail::Value value_of(const FuturePtr& future) REQUIRES(mutex_);
  void note_seen(const FuturePtr& future) REQUIRES(mutex_);

  // running.cc
  void schedule() REQUIRES(mutex_);
  void start_thread() REQUIRES(mutex_);
  void run_thread() EXCLUDES(mutex_);
  void run_alarms() EXCLUDES(mutex_);
  void set_alarm(Clock::time_point at, const FuturePtr& future) REQUIRES(mutex_);
  void ring(const Alarm& alarm) REQUIRES(mutex_);
  void run(const FuturePtr& future) REQUIRES(mutex_);
  Outcome call(const RunningTask& running) REQUIRES(mutex_);
  void attempt_ended(const FuturePtr& future, Outcome outcome) REQUIRES(mutex_);
  void wait_for_threads() REQUIRES(mutex_);

  // detached.cc
  detail::FutureId submit_detached(const FuturePtr& future, std::span<const detail::FutureId> dependencies)
      REQUIRES(mutex_);

  static thread_local RunningTask* running_here_;

  const std::uint64_t session_;
  const Clock::duration patience_;
  base::Mutex mutex_;
  std::uint64_t sequence_ GUARDED_BY(mutex_) = 0;  // of futures that belong to the session itself
  Futures futures_ GUARDED_BY(mutex_);
  ResourceCounts counts_ GUARDED_BY(mutex_);
  std::map<std::string, Named> names_ GUARDED_BY(mutex_);
  std::set<std::string> told_never_fits_ GUARDED_BY(mutex_);  // needs, encoded

  base::CondVar work_;
  base::CondVar given_back_;  // resources
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  std::set<RunningTask*> running_ GUARDED_BY(mutex_);
  std::uint64_t attempts_ GUARDED_BY(mutex_) = 0;  // how many have begun
  std::size_t idle_ GUARDED_BY(mutex_) = 0;
  std::size_t busy_ GUARDED_BY(mutex_) = 0;  // threads that run a task which does not wait
  base::CondVar ended_;                      // a task, while the session ends
  bool stop_ GUARDED_BY(mutex_) = false;

  base::CondVar alarms_changed_;
  std::multimap<Clock::time_point, Alarm> alarms_ GUARDED_BY(mutex_);
  bool has_alarm_thread_ GUARDED_BY(mutex_) = false;

  std::once_flag start_once_;
  std::optional<std::string> start_failure_;  // why no task can run; set once, before the first
};

}  // namespace morrow::runtime
