// SPDX-License-Identifier: Apache-2.0

// The problem: a program is to run as on a cluster, its tasks in threads of its own process, where a debugger and a
// sanitizer see all of it; and what works so is to work on a cluster.
//
// So as little as possible is made anew. A call is packed, checked and called by the code that drivers and executors
// use (client/submit_message.cc, executor/task_runner.cc): tasks get copies, and fail in the same words. What stands
// between is small: a table of futures and scopes with the rules of control (Futures), a queue (ReadyQueue), counts of
// resources (ResourceCounts), threads (running.cc) and those who wait (waiting.cc).
//
// One mutex guards everything; it is never held while code of the user runs. A task whose future got another end (it
// was cancelled, ran out of its time, lost its scope) can't be stopped: it is marked as dropped, its thread goes on,
// and all that it asks for from then on throws, so that it comes to its end soon.
#include "runtime/in_process/in_process.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <morrow/error.h>

#include "base/hash_ids.h"
#include "base/random_id.h"
#include "base/shown.h"
#include "runtime/backend/refusals.h"
#include "runtime/backend/telling.h"
#include "runtime/client/scopes.h"
#include "runtime/client/submit_message.h"
#include "runtime/in_process/failures.h"
#include "runtime/in_process/reasons.h"
#include "runtime/values/values.h"

namespace morrow::runtime {

using detail::FailureKind;
using detail::FutureId;

thread_local RunningTask* InProcess::running_here_ = nullptr;

namespace {

std::uint64_t micro(Amount amount) {
  return static_cast<std::uint64_t>(std::llround(amount.value() * static_cast<double>(base::kOneMicro)));
}

double usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t usable_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, sysconf(_SC_PHYS_PAGES)));
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 10 * 8;
}

/// As many as CUDA_VISIBLE_DEVICES names, else all of the machine.
double usable_gpus() {
  if (const char* const named = std::getenv("CUDA_VISIBLE_DEVICES")) {
    const std::string_view names = named;
    return names.empty() ? 0 : static_cast<double>(1 + std::count(names.begin(), names.end(), ','));
  }
  int count = 0;
  while (access(("/dev/nvidia" + std::to_string(count)).c_str(), F_OK) == 0) ++count;
  return count;
}

base::Resources total_of(const SessionOptions& options) {
  check_amounts(options);
  base::Resources total;
  total.cpu_micro = micro(options.cpus.value_or(usable_cpus()));
  total.memory = options.memory ? static_cast<std::uint64_t>(options.memory->value()) : usable_memory();
  total.gpu_micro = micro(options.gpus.value_or(usable_gpus()));
  for (const auto& [name, amount] : options.resources) total.named_micro[name] = micro(amount);
  return total;
}

base::Resources needs_of(const wire::Requirements& requirements) {
  base::Resources needs;
  needs.cpu_micro = requirements.cpu_micro();
  needs.memory = requirements.memory();
  needs.gpu_micro = requirements.gpu_micro();
  for (const wire::NamedAmount& named : requirements.named_micro()) needs.named_micro[named.name()] = named.micro();
  return needs;
}

}  // namespace

InProcess::InProcess(const SessionOptions& options)
    : session_(base::random_id()),
      patience_(std::clamp<std::chrono::nanoseconds>(options.patience.value(), std::chrono::nanoseconds(0),
                                                     std::chrono::hours(24 * 365))),
      futures_(session_),
      counts_(total_of(options)) {}

bool InProcess::is_dropped() const { return running_here_ != nullptr && running_here_->dropped; }

void InProcess::check() const {
  if (is_dropped())
    throw CancelledError("this task was cancelled, or ran out of its time: nothing waits for what it does");
  if (stop_) throw SessionError("the session has ended");
}

// ---- changes ----

/// Of the running task, or the session.
std::uint64_t InProcess::outer_scope() {
  if (running_here_ == nullptr) return session_;
  RunningTask& me = *running_here_;
  if (!futures_.has_scope(me.claim)) futures_.open_scope(me.claim, me.future->id.scope, me.future->id);
  return me.claim;
}

FutureId InProcess::new_id() {
  if (!scopes().empty()) return {scopes().back().id, ++scopes().back().sequence};
  const std::uint64_t scope = outer_scope();
  return {scope, running_here_ == nullptr ? ++sequence_ : ++running_here_->sequence};
}

FutureId InProcess::submit(const detail::Call& call, const Options& options, std::source_location where) {
  const auto future = std::make_shared<FutureRecord>();
  future->call = std::make_unique<wire::Submit>();
  const bool apart = call.arguments.size() > kLargeArgumentBytes;
  fill_submit(*future->call, call, options, where, {}, apart);
  future->needs = needs_of(future->call->requirements());
  if (apart) {
    const detail::Room room = detail::heap_room(call.arguments.size());
    call.arguments.copy_to(room.bytes.data());
    future->arguments = {room.bytes, room.owner};
  }
  const base::MutexLock lock(mutex_);
  check();
  if (options.detached) return submit_detached(future, call.dependencies);
  future->id = new_id();
  add_task(future, call.dependencies);
  return future->id;
}

void InProcess::add_task(const FuturePtr& future, std::span<const FutureId> dependencies) {
  futures_.submit(future, dependencies);
  if (future->ended() || future->needs.fits_in(counts_.total())) return schedule();
  const std::string sentence = too_much(*future, counts_);
  if (future->call->fail_if_unschedulable()) {
    futures_.end(future, failed(FailureKind::kUnschedulable,
                                "it " + sentence + "; ask for less, or give more in SessionOptions", *future->call, 0));
  } else if (told_never_fits_.insert(future->needs.encode()).second) {
    const std::string task = base::shown_line(future->call->name());
    const base::MutexUnlock unlocked(mutex_);
    say("task " + task + " " + sentence + "; it waits without end");
  }
}

FutureId InProcess::put(detail::Result&& result, const char*, std::int64_t copies) {
  check_copies(copies);
  const auto future = std::make_shared<FutureRecord>();
  const auto* const bytes = reinterpret_cast<const char*>(result.bytes.data());
  future->outcome.value = make_value({bytes, result.bytes.size()});
  const base::MutexLock lock(mutex_);
  check();
  future->id = new_id();
  futures_.put(future);
  return future->id;
}

void InProcess::cancel(FutureId id) {
  const base::MutexLock lock(mutex_);
  if (is_dropped()) return;
  const FuturePtr future = futures_.find(id);
  if (future == nullptr || future->ended()) return;
  futures_.end(future, failed(FailureKind::kCancelled, "it was cancelled", *future->call, 0));
}

std::uint64_t InProcess::open_scope() {
  const base::MutexLock lock(mutex_);
  check();
  const std::uint64_t scope = base::random_id();
  futures_.open_scope(scope, scopes().empty() ? outer_scope() : scopes().back().id);
  enter_scope(scope);
  return scope;
}

void InProcess::end_scope(std::uint64_t scope) {
  leave_scope(scope);
  const base::MutexLock lock(mutex_);
  futures_.end_scope(scope);
}

std::uint64_t InProcess::task_seed() {
  const base::MutexLock lock(mutex_);
  check();
  if (running_here_ == nullptr) return base::mix_bits(session_);
  const FutureId id = running_here_->future->id;
  return base::mix_bits(base::hash_of_id(id.scope, id.sequence));
}

// ---- the end ----

void InProcess::end() {
  wire::SessionEnded ends;
  std::vector<std::thread> threads;
  {
    const base::MutexLock lock(mutex_);
    std::vector<std::uint64_t> scopes{session_};
    for (const auto& [unused, named] : names_) scopes.push_back(named.id.scope);
    ends = futures_.loose_ends(scopes);
    futures_.end_session(session_);
    stop_ = true;
    work_.notify_all();
    alarms_changed_.notify_all();
    wait_for_threads();
    threads = std::exchange(threads_, {});
  }
  for (std::thread& thread : threads) thread.join();
  tell_ending(ends, false);
}

}  // namespace morrow::runtime
