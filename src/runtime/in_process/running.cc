// SPDX-License-Identifier: Apache-2.0

// The threads that run tasks. There is one for each task that runs; a task that waits does not count, since another one
// may have begun meanwhile. Whoever takes a task looks whether one more can begin, and wakes a thread for it, or starts
// one: so many begin together without a thread that hands them out.
//
// What is to happen later (a timeout, a retry) waits in `alarms_` for a thread of its own, which is there from the
// first alarm on.
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/defer.h"
#include "base/hash_ids.h"
#include "base/must.h"
#include "base/shown.h"
#include "runtime/backend/telling.h"
#include "runtime/client/scopes.h"
#include "runtime/executor/start_functions.h"
#include "runtime/in_process/failures.h"
#include "runtime/in_process/in_process.h"
#include "runtime/values/values.h"

namespace morrow::runtime {

using detail::FailureKind;
using Stage = FutureRecord::Stage;

namespace {

constexpr std::size_t kMostBusy = 1'000;               // of tasks that need no cpu, or little of one
constexpr std::size_t kThreadNameBytes = 15;           // the kernel keeps no more
constexpr std::chrono::milliseconds kFirstRetry{100};  // as with a worker
constexpr std::chrono::milliseconds kLastRetry{5'000};

/// For the debugger: the calling thread has the name of what it does.
void name_thread(std::string_view name) {
  pthread_setname_np(pthread_self(), std::string(base::beginning(name, kThreadNameBytes)).c_str());
}

Outcome outcome_of(TaskResult result) {
  Outcome outcome;
  outcome.failure = result.failure;
  outcome.failure_bytes = std::move(result.failure_bytes);
  outcome.may_hold_futures = result.may_hold_futures;
  if (outcome.ok())
    outcome.value = make_value({reinterpret_cast<const char*>(result.value.data()), result.value.size()});
  return outcome;
}

Clock::duration backoff(std::uint32_t failures) {
  constexpr std::uint32_t kMostDoublings = 16;  // far beyond the bound
  return std::min<Clock::duration>(kLastRetry, kFirstRetry * (1 << std::min(failures - 1, kMostDoublings)));
}

}  // namespace

// ---- threads ----

/// Has a thread take the next task, if one can begin.
void InProcess::schedule() {
  if (stop_ || busy_ >= kMostBusy || futures_.ready().next(counts_) == nullptr) return;
  if (idle_ != 0) return work_.notify_one();
  start_thread();
}

void InProcess::start_thread() {
  try {
    threads_.emplace_back([this] { run_thread(); });
    ++idle_;
  } catch (const std::system_error& error) {
    const FuturePtr next = futures_.ready().next(counts_);
    futures_.end(next, failed(FailureKind::kProgram, std::string("no thread could be started for it: ") + error.what(),
                              *next->call, 0));
  }
}

void InProcess::run_thread() {
  std::call_once(start_once_, [this] { start_failure_ = call_start_functions(); });
  const base::MutexLock lock(mutex_);
  while (!stop_) {
    const FuturePtr next = busy_ < kMostBusy ? futures_.ready().next(counts_) : nullptr;
    if (next == nullptr) {
      name_thread("morrow-idle");
      work_.wait(mutex_);
      continue;
    }
    --idle_;
    run(next);
    ++idle_;
  }
}

void InProcess::run(const FuturePtr& future) {
  MORROW_INVARIANT(future->stage == Stage::kReady && future->running == nullptr, "a task that begins is ready",
                   future->id.scope, future->id.sequence);
  futures_.ready().remove(future);
  RunningTask running;
  running.future = future;
  running.name = future->call->name();
  running.claim = base::mix_bits(session_ + ++attempts_);
  running.since = Clock::now();
  future->stage = Stage::kRunning;
  future->running = &running;
  if (const std::uint64_t timeout = future->call->timeout_ns(); timeout != 0)
    set_alarm(running.since + std::chrono::nanoseconds(timeout), future);
  running_.insert(&running);
  counts_.take(future->needs);
  ++busy_;
  schedule();
  RunningTask* const below = std::exchange(running_here_, &running);
  Scopes scopes_below = std::exchange(scopes(), {});
  Outcome outcome = call(running);
  scopes() = std::move(scopes_below);
  running_here_ = below;
  if (below != nullptr) name_thread(below->name);
  --busy_;
  counts_.give_back(future->needs);
  given_back_.notify_all();
  base::must_erase(running_, &running, "a task runs until it has ended");
  if (!running.dropped) attempt_ended(future, std::move(outcome));
  if (stop_) ended_.notify_all();
}

/// Unlocks meanwhile.
Outcome InProcess::call(const RunningTask& running) {
  const FutureRecord& future = *running.future;
  wire::Task task;
  task.set_name(future.call->name());
  task.set_attempt(future.failures + 1);
  task.set_payload(future.call->payload());
  std::vector<detail::Value> values;
  values.reserve(future.dependencies.size() + 1);
  for (const FuturePtr& dependency : future.dependencies) values.push_back(dependency->outcome.value);
  if (future.arguments.owner != nullptr) values.push_back(future.arguments);
  for (std::size_t i = 0; i < values.size(); ++i) task.add_dependencies();
  const base::MutexUnlock unlocked(mutex_);
  if (start_failure_) return outcome_of(failed_task(task, FailureKind::kProgram, *start_failure_));
  name_thread(running.name);
  // A forced unwind (pthread_exit) leaves by here: its thread would be gone, and nobody to go on.
  base::Defer ends_process([&task] {
    say("task " + base::shown_line(task.name()) + " ended its thread, which is the program's here");
    std::abort();
  });
  Outcome outcome = outcome_of(run_function(task, values, std::numeric_limits<std::size_t>::max()));
  ends_process.cancel();
  return outcome;
}

void InProcess::attempt_ended(const FuturePtr& future, Outcome outcome) {
  if (outcome.ok()) return futures_.end(future, std::move(outcome));
  ++future->failures;
  const wire::Submit& call = *future->call;
  const bool is_retried = (outcome.failure == FailureKind::kException && call.retry_exceptions()) ||
                          (outcome.failure == FailureKind::kTimeout && call.retry_timeouts());
  if (!is_retried || future->failures > call.max_retries()) return futures_.end(future, std::move(outcome));
  futures_.pause(future);
  // Its scope may have ended with what the attempt submitted.
  if (!future->ended()) set_alarm(Clock::now() + backoff(future->failures), future);
}

/// Told once in a while: nothing can stop what still runs.
void InProcess::wait_for_threads() {
  auto patience = patience_;
  while (!running_.empty()) {
    if (patience == Clock::duration::zero()) {
      ended_.wait(mutex_);
    } else if (!ended_.wait_for(mutex_, patience) && !running_.empty()) {
      const std::string sentence = "the session ends, and waits for the thread of task " +
                                   base::shown_line((*running_.begin())->name) + ", which nothing can stop";
      patience *= 2;
      const base::MutexUnlock unlocked(mutex_);
      say(sentence);
    }
  }
}

// ---- alarms ----

void InProcess::set_alarm(Clock::time_point at, const FuturePtr& future) {
  const bool sooner = alarms_.empty() || at < alarms_.begin()->first;
  alarms_.emplace(at, Alarm{future->id, future->failures});
  if (!std::exchange(has_alarm_thread_, true)) {
    threads_.emplace_back([this] { run_alarms(); });
  } else if (sooner) {
    alarms_changed_.notify_one();
  }
}

void InProcess::run_alarms() {
  name_thread("morrow-alarms");
  const base::MutexLock lock(mutex_);
  while (!stop_) {
    if (alarms_.empty()) {
      alarms_changed_.wait(mutex_);
    } else if (const auto first = alarms_.begin(); first->first > Clock::now()) {
      alarms_changed_.wait_until(mutex_, first->first);
    } else {
      const Alarm alarm = first->second;
      alarms_.erase(first);
      ring(alarm);
    }
  }
}

/// Nothing when the attempt has ended before.
void InProcess::ring(const Alarm& alarm) {
  const FuturePtr future = futures_.lookup(alarm.id);
  if (future == nullptr || future->failures != alarm.failures) return;
  if (future->stage == Stage::kPaused) {
    futures_.make_ready(future);
    return schedule();
  }
  if (future->stage != Stage::kRunning) return;
  const std::chrono::duration<double> timeout = std::chrono::nanoseconds(future->call->timeout_ns());
  char sentence[64];
  std::snprintf(sentence, sizeof sentence, "it ran longer than its timeout of %.3g s", timeout.count());
  attempt_ended(future, failed(FailureKind::kTimeout, sentence, *future->call, future->failures + 1));
}

}  // namespace morrow::runtime
