// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/executor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/hash_ids.h"
#include "base/invariant.h"
#include "base/must.h"
#include "base/process_tree.h"
#include "base/shown.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kSpareTasks = 64;
constexpr std::size_t kSpareBytes = 64 << 10;  // a task that was larger is not kept
constexpr int kStatusOfUnwound = 70;
constexpr std::uint32_t kHeldResults = 128;
constexpr std::chrono::microseconds kHeldFor{200};
constexpr std::chrono::seconds kBetweenReaps{1};       // of what tasks have left, while no task comes
constexpr std::chrono::microseconds kBriefIndeed{10};  // to start a thread takes longer
constexpr std::chrono::milliseconds kBetweenIdleLooks{10};
constexpr std::uint32_t kTasksBetweenReaps = 64;  // while they come without a pause: to reap takes the kernel a lock

}  // namespace

thread_local Executor::RunningTask* Executor::running_here_ = nullptr;

Executor::Executor(ExecutorSetup setup)
    : Client(std::move(setup.image_key)),
      output_(std::move(setup.output), std::move(setup.errors)),
      words_(setup.claim_words.get()),
      held_results_(words_) {
  const base::MutexLock lock(link_.mutex());
  set_memory(std::move(setup.object_memory), [] {});
  link_.attach(std::move(setup.stream), {}, {});
}

void Executor::run() {
  const base::MutexLock lock(link_.mutex());
  left_.spare_those_there();
  state_.remember();
  threads_.remember();
  for (;;) {
    Waiter waiter;
    idle_ = &waiter;
    if (queue_.empty() && guests_.empty()) {
      const bool unpinned = send_unpinned();
      send_held();
      if (unpinned) link_.write();
      look_when_idle();
    }
    const auto has_task = [this]() REQUIRES(link_.mutex()) { return !queue_.empty() || !guests_.empty(); };
    if (!has_task() || ++tasks_since_reap_ == kTasksBetweenReaps) {
      tasks_since_reap_ = 0;
      while (left_.reap() && !link_.wait(waiter, has_task, Clock::now() + kBetweenReaps)) {
      }
    }
    link_.wait(waiter, has_task, std::nullopt);
    idle_ = nullptr;
    // One that was to run on top of a wait, which ended before.
    const bool late = queue_.empty();
    run_task(next(late ? guests_ : queue_), late);
  }
}

void Executor::tell_start_failed(const std::string& sentence) {
  const base::MutexLock lock(link_.mutex());
  wire::StartFailed message;
  message.set_sentence(sentence);
  link_.send(wire::START_FAILED, message);
  write_all();
}

Executor::TaskPtr Executor::next(std::deque<TaskPtr>& queue) {
  MORROW_INVARIANT(!queue.empty(), "a task is taken from a queue that has one", queue_.size(), guests_.size());
  TaskPtr task = std::move(queue.front());
  queue.pop_front();
  return task;
}

void Executor::run_guest() { run_task(next(guests_), true); }

/// Its dependencies that lie in the object memory; unpinned when the function is over and nobody kept them.
std::vector<detail::Value> Executor::objects_of(const wire::Task& task) {
  std::vector<detail::Value> objects;
  for (const wire::ObjectPlace& place : task.objects()) {
    if (!memory_ || place.index() >= static_cast<std::uint32_t>(task.dependencies_size())) continue;
    objects.resize(static_cast<std::size_t>(task.dependencies_size()));
    objects[place.index()] = memory_->read(place.object(), place.offset(), place.size());
  }
  return objects;
}

void Executor::run_task(TaskPtr task, bool nested) {
  last_was_brief_ = task->brief();
  if (!last_was_brief_) send_held();
  // It is not taken: the worker finds another process for it when this one has ended.
  if (task->fresh_process() && ran_one_ && running_.empty()) leave();
  auto objects = objects_of(*task);
  if (words_.take(task->slot(), task->generation())) run_claimed(*task, std::move(objects), nested);
  if (spare_.size() < kSpareTasks && task->payload().capacity() <= kSpareBytes) spare_.push_back(std::move(task));
}

/// One that the worker can't take back any more.
void Executor::run_claimed(const wire::Task& task, std::vector<detail::Value> objects, bool nested) {
  const auto running = std::make_shared<RunningTask>();
  running->claim = task.claim();
  running->seed = base::mix_bits(base::hash_of_id(task.id().scope(), task.id().sequence()));
  running_.push_back(running);
  ran_one_ = true;
  RunningTask* const below = std::exchange(running_here_, running.get());
  Scopes scopes_below = std::exchange(scopes(), {});
  const bool alone = running_.size() == 1;
  const ThreadCounts::Numbers threads_below = alone ? ThreadCounts::Numbers{} : threads_.numbers();
  if (const int threads = std::max(1, static_cast<int>(task.threads())); alone)
    threads_.begin(threads, state_);
  else
    threads_.set(threads);
  TaskResult result;
  Clock::duration ran;
  {
    const base::MutexUnlock unlocked(link_.mutex());
    const auto start = Clock::now();
    result = call_function(task, objects, nested);
    ran = Clock::now() - start;
    objects.clear();  // before its end is told, which tells this too
    std::fflush(stdout);
    std::fflush(stderr);
    std::cout.flush();
  }
  if (alone)
    clean_up(task, ran);
  else
    threads_.set(threads_below);
  scopes() = std::move(scopes_below);
  running_here_ = below;
  MORROW_INVARIANT(running->waiting == 0, "a task that ended waits for nothing", running->claim, running->waiting);
  done_.set_ran_ns(static_cast<std::uint64_t>(std::max<std::int64_t>((ran - running->waited).count(), 0)));
  report(task, std::move(result), *running);
  base::must_erase(running_, running, "a task runs until it is told as done");
  if (spent_ && running_.empty()) leave();
}

/// After a task under which no other one waits: the next one is to find the process as this one did. What takes longer
/// to look at is looked at when that costs little: after a task that took longer itself, as one does that starts a
/// thread or a process, and now and then when there is nothing to do.
void Executor::clean_up(const wire::Task& task, Clock::duration ran) {
  if (task.fresh_process()) spent_ = true;
  unlooked_.name = task.name();
  ++unlooked_.tasks;
  if (task.brief() && ran < kBriefIndeed) return state_.restore();
  look_for_leftovers();
}

/// What brief ones have done is told by then.
void Executor::look_when_idle() {
  if (unlooked_.tasks == 0 || Clock::now() < unlooked_.next_look) return;
  unlooked_.next_look = Clock::now() + kBetweenIdleLooks;
  look_for_leftovers();
  if (spent_) leave();
}

void Executor::look_for_leftovers() {
  const std::uint32_t others = std::exchange(unlooked_.tasks, 0U) - 1;
  threads_.end_idle();
  std::string left = state_.restore_all();
  if (left_.reap()) left += left.empty() ? "a process" : " and a process";
  if (left.empty()) return;
  spent_ = true;
  const std::string or_others = others == 0 ? "" : ", or one of the " + std::to_string(others) + " before it,";
  std::fprintf(stderr, "morrow: task %s%s left %s behind, so its process ends with it\n",
               base::shown_line(unlooked_.name).c_str(), or_others.c_str(), left.c_str());
  std::fflush(stderr);
}

/// What has not begun here goes to another process.
void Executor::leave() {
  send_unpinned();
  send_held();
  write_all();
  base::end_with_children();
}

TaskResult Executor::call_function(const wire::Task& task, std::vector<detail::Value>& objects, bool nested) {
  if (nested && stack_left() < kLeastStack) {
    return failed_task(task, detail::FailureKind::kStackOverflow,
                       "the stack is full of tasks that wait for each other; raise the worker's limit of executors "
                       "(--executors), or nest less deep");
  }
  // A forced unwind (pthread_exit) leaves by here: its thread would be gone, and nobody to go on.
  base::Defer ends_process([] { _exit(kStatusOfUnwound); });
  TaskResult result = run_function(task, objects);
  objects.clear();  // the worker is told with the end of the task
  ends_process.cancel();
  return result;
}

void Executor::fill_done(const wire::Task& task, TaskResult result) {
  done_.set_slot(task.slot());
  done_.set_generation(task.generation());
  done_.set_claim(task.claim());
  done_.set_failure(static_cast<std::uint32_t>(result.failure));
  done_.clear_object();
  done_.clear_size();
  done_.clear_keeps();
  if (result.failure == detail::FailureKind::kNone && result.room.object != 0) {
    done_.clear_bytes();
    const Publication published = publish(result.room, memory_);
    done_.set_object(published.object);
    done_.set_size(published.size);
    done_.set_keeps(published.keeps);
  } else if (result.failure == detail::FailureKind::kNone) {
    done_.set_bytes(result.value.data(), result.value.size());
  } else {
    done_.set_bytes(std::move(result.failure_bytes));
  }
  done_.set_may_hold_futures(result.may_hold_futures);
}

void Executor::report(const wire::Task& task, TaskResult result, RunningTask& running) {
  fill_done(task, std::move(result));
  release_spare();
  send_unpinned();
  const bool has_output = output_.has_unread();
  done_.set_has_output(has_output);
  if (!has_output && may_hold()) {
    frame_.clear();
    wire::append_frame(frame_, wire::TASK_DONE, done_);
    if (held_results_.empty()) held_since_ = Clock::now();
    if (held_results_.hold(frame_)) {
      ++held_count_;
      return;
    }
  }
  send_held();
  link_.send(wire::TASK_DONE, done_);
  write_all();
  if (!has_output) return;
  // The output of the next task must not be taken for this one's.
  Waiter waiter;
  running.waits_drained = &waiter;
  link_.wait(
      waiter, [&running] { return running.drained; }, std::nullopt);
  running.waits_drained = nullptr;
}

// A task that is there already, and brief, is not worth a send before it.
bool Executor::may_hold() const {
  return running_.size() == 1 && !spent_ && guests_.empty() && !queue_.empty() && queue_.front()->brief() &&
         held_count_ < kHeldResults && (held_results_.empty() || Clock::now() - held_since_ < kHeldFor);
}

void Executor::send_held() {
  if (held_results_.empty()) return;
  link_.send(held_results_.frames());
  link_.write();
  held_results_.clear();
  held_count_ = 0;
}

// There is no thread that would write the rest later.
void Executor::write_all() {
  link_.write();
  if (link_.unsent() == 0) return;
  Waiter waiter;
  const auto sent = [this]() REQUIRES(link_.mutex()) { return link_.unsent() == 0; };
  link_.wait(waiter, sent, std::nullopt);
}

// ---- for the tasks ----

std::uint64_t Executor::task_seed() {
  const base::MutexLock lock(link_.mutex());
  const RunningTask* const running = current();
  if (running == nullptr) throw SessionError("no task runs in this process, so there is none to have a seed");
  return running->seed;
}

Executor::RunningTask* Executor::current() {
  if (running_here_ != nullptr) return running_here_;
  return running_.empty() ? nullptr : running_.back().get();  // a thread that a task started
}

Client::Asker Executor::outer_asker() {
  RunningTask* const running = current();
  if (running == nullptr)
    throw SessionError("no task runs in this process, so there is nothing that futures could belong to");
  send_held();  // the ends of earlier tasks go out before anything of this one
  return {running->claim, running->claim, &running->sequence};
}

void Executor::post(wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) {
  link_.send(type, message);
  if (soon) write_all();
}

void Executor::before_wait() {
  RunningTask* const running = running_here_;
  if (running != nullptr && running->waiting++ == 0) running->waits_since = Clock::now();
}

void Executor::after_wait() {
  RunningTask* const running = running_here_;
  if (running == nullptr) return;
  MORROW_INVARIANT(running->waiting > 0, "a wait ends once", running->claim);
  if (--running->waiting == 0) running->waited += Clock::now() - running->waits_since;
}

// ---- frames of the worker ----

void Executor::take_task(std::string_view payload) {
  TaskPtr task;
  if (spare_.empty()) {
    task = std::make_unique<wire::Task>();
  } else {
    task = std::move(spare_.back());
    spare_.pop_back();
  }
  wire::parse(*task, payload);
  if (first_values_.dependencies_size() != 0) {
    for (std::string& value : *task->mutable_dependencies()) first_values_.add_dependencies(std::move(value));
    task->mutable_dependencies()->Swap(first_values_.mutable_dependencies());
    first_values_.Clear();
  }
  if (!task->nested()) {
    queue_.push_back(std::move(task));
    if (idle_ != nullptr) idle_->changed.notify_one();
  } else {
    guests_.push_back(std::move(task));
    link_.wake_all();
  }
}

void Executor::on_frame(wire::FrameType type, std::string_view payload) {
  if (type == wire::TASK) {
    take_task(payload);
  } else if (type == wire::TASK_VALUES) {
    wire::TaskValues more;
    wire::parse(more, payload);
    for (std::string& value : *more.mutable_dependencies()) first_values_.add_dependencies(std::move(value));
  } else if (type == wire::DRAINED) {
    wire::Drained drained;
    wire::parse(drained, payload);
    for (const auto& running : running_) {
      if (running->claim != drained.claim()) continue;
      running->drained = true;
      if (running->waits_drained != nullptr) running->waits_drained->changed.notify_one();
    }
  } else {
    Client::on_frame(type, payload);
  }
}

// Whoever started this process may be gone too, and could not end what it leaves.
void Executor::on_lost(const std::string&) { base::end_with_children(); }

}  // namespace morrow::runtime
