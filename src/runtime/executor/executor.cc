// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/executor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <utility>

#include <morrow/error.h>

#include "base/defer.h"
#include "base/must.h"

namespace morrow::runtime {

namespace {

constexpr std::size_t kSpareTasks = 64;
constexpr std::size_t kSpareBytes = 64 << 10;  // a task that was larger is not kept
constexpr std::size_t kLeastStack = 256 << 10;
constexpr int kStatusOfUnwound = 70;
constexpr std::uint32_t kHeldResults = 128;
constexpr std::chrono::microseconds kHeldFor{200};

// The end for reading of a pipe of which we have the end for writing: only that one can be polled for what it holds.
wire::Fd end_for_reading(const wire::Fd& pipe) {
  const std::string path = "/proc/self/fd/" + std::to_string(pipe.get());
  return wire::Fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

// Without /proc.
bool pipe_has_bytes(const wire::Fd& pipe) {
  int bytes = 0;
  return ioctl(pipe.get(), FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace

thread_local Executor::Running* Executor::running_here_ = nullptr;

Executor::Executor(ExecutorSetup setup)
    : Client(std::move(setup.program_key)),
      output_(std::move(setup.output)),
      errors_(std::move(setup.errors)),
      unread_output_(end_for_reading(output_)),
      unread_errors_(end_for_reading(errors_)),
      words_(setup.claim_words.get()),
      held_(words_) {
  const Lock lock(link_.mutex());
  set_memory(std::move(setup.object_memory), [] {});
  link_.attach(std::move(setup.stream), {}, {});
}

void Executor::run() {
  Lock lock(link_.mutex());
  for (;;) {
    Waiting waiting;
    idle_ = &waiting;
    if (queue_.empty() && guests_.empty()) {
      const bool let_go = send_let_go();
      send_held();
      if (let_go) link_.write();
    }
    link_.wait(
        lock, waiting, [this] { return !queue_.empty() || !guests_.empty(); }, std::nullopt);
    idle_ = nullptr;
    // One that was to run on top of a wait, which ended before.
    const bool late = queue_.empty();
    run_task(lock, next(late ? guests_ : queue_), late);
  }
}

Executor::TaskPtr Executor::next(std::deque<TaskPtr>& queue) {
  TaskPtr task = std::move(queue.front());
  queue.pop_front();
  return task;
}

void Executor::run_guest(Lock& lock) { run_task(lock, next(guests_), true); }

/// Its dependencies that lie in the object memory; let go when the function is over and nobody kept them.
std::vector<detail::Value> Executor::objects_of(const wire::Task& task) {
  std::vector<detail::Value> objects;
  for (const wire::ObjectPlace& place : task.objects()) {
    if (!memory_ || place.index() >= static_cast<std::uint32_t>(task.dependencies_size())) continue;
    objects.resize(static_cast<std::size_t>(task.dependencies_size()));
    objects[place.index()] = memory_->read(place.object(), place.offset(), place.size());
  }
  return objects;
}

void Executor::run_task(Lock& lock, TaskPtr task, bool nested) {
  last_was_brief_ = task->brief();
  if (!last_was_brief_) send_held();
  auto objects = objects_of(*task);
  if (words_.take(task->slot(), task->generation())) {
    const auto running = std::make_shared<Running>();
    running->claim = task->claim();
    running_.push_back(running);
    Running* const below = std::exchange(running_here_, running.get());
    Scopes scopes_below = std::exchange(scopes(), {});
    lock.unlock();

    const auto start = Clock::now();
    TaskResult result;
    if (nested && stack_left() < kLeastStack) {
      result = failed_task(*task, detail::FailureKind::kStackOverflow,
                           "the stack is full of tasks that wait for each other; raise the worker's limit of executors "
                           "(--executors), or nest less deep");
    } else {
      // A forced unwind (pthread_exit) leaves by here: its thread would be gone, and nobody to go on.
      base::Defer ends_process([] { _exit(kStatusOfUnwound); });
      result = run_function(*task, objects);
      objects.clear();  // the worker is told with the end of the task
      ends_process.cancel();
    }
    const auto ran = Clock::now() - start;
    objects.clear();  // before its end is told, which tells this too
    std::fflush(stdout);
    std::fflush(stderr);
    std::cout.flush();

    lock.lock();
    scopes() = std::move(scopes_below);
    running_here_ = below;
    done_.set_ran_ns(static_cast<std::uint64_t>(std::max<std::int64_t>((ran - running->waited).count(), 0)));
    report(lock, *task, std::move(result), *running);
    base::must_erase(running_, running, "a task runs until it is told as done");
  }
  if (spare_.size() < kSpareTasks && task->payload().capacity() <= kSpareBytes) spare_.push_back(std::move(task));
}

void Executor::report(Lock& lock, const wire::Task& task, TaskResult result, Running& running) {
  done_.set_slot(task.slot());
  done_.set_generation(task.generation());
  done_.set_claim(task.claim());
  done_.set_failure(static_cast<std::uint32_t>(result.failure));
  done_.clear_object();
  done_.clear_size();
  done_.clear_keeps();
  if (result.failure == detail::FailureKind::kNone && result.room.object != 0) {
    done_.clear_bytes();
    const Published published = publish(result.room, memory_);
    done_.set_object(published.object);
    done_.set_size(published.size);
    done_.set_keeps(published.keeps);
  } else if (result.failure == detail::FailureKind::kNone) {
    done_.set_bytes(result.value.data(), result.value.size());
  } else {
    done_.set_bytes(std::move(result.failure_bytes));
  }
  done_.set_may_hold_futures(result.may_hold_futures);
  let_spare_go();
  send_let_go();
  const bool has_output = has_unread_output();
  done_.set_has_output(has_output);
  if (!has_output && may_hold()) {
    frame_.clear();
    wire::append_frame(frame_, wire::TASK_DONE, done_);
    if (held_.empty()) held_since_ = Clock::now();
    if (held_.hold(frame_)) {
      ++held_count_;
      return;
    }
  }
  send_held();
  link_.send(wire::TASK_DONE, done_);
  write_all(lock);
  if (!has_output) return;
  // What the next task writes must not be taken for this one's.
  Waiting waiting;
  running.waits_drained = &waiting;
  link_.wait(
      lock, waiting, [&running] { return running.drained; }, std::nullopt);
  running.waits_drained = nullptr;
}

// A task that is there already, and brief, is not worth a send before it.
bool Executor::may_hold() const {
  return running_.size() == 1 && guests_.empty() && !queue_.empty() && queue_.front()->brief() &&
         held_count_ < kHeldResults && (held_.empty() || Clock::now() - held_since_ < kHeldFor);
}

void Executor::send_held() {
  if (held_.empty()) return;
  link_.send(held_.frames());
  link_.write();
  held_.clear();
  held_count_ = 0;
}

bool Executor::has_unread_output() const {
  if (!unread_output_ || !unread_errors_) return pipe_has_bytes(output_) || pipe_has_bytes(errors_);
  // One call for both: it is made after each task.
  pollfd pipes[2] = {{unread_output_.get(), POLLIN, 0}, {unread_errors_.get(), POLLIN, 0}};
  return poll(pipes, 2, 0) > 0 && ((pipes[0].revents | pipes[1].revents) & POLLIN) != 0;
}

// There is no thread that would write the rest later.
void Executor::write_all(Lock& lock) {
  link_.write();
  if (link_.unsent() == 0) return;
  Waiting waiting;
  link_.wait(
      lock, waiting, [this] { return link_.unsent() == 0; }, std::nullopt);
}

// ---- for the tasks ----

Executor::Running* Executor::current() {
  if (running_here_ != nullptr) return running_here_;
  return running_.empty() ? nullptr : running_.back().get();  // a thread that a task started
}

Client::Asker Executor::asker() {
  Running* const running = current();
  if (running == nullptr)
    throw SessionError("no task runs in this process, so there is nothing that futures could belong to");
  send_held();  // what this task says must not come before the ends of those before it
  if (!scopes().empty()) return {running->claim, scopes().back().id, &scopes().back().sequence};
  return {running->claim, running->claim, &running->sequence};
}

void Executor::post(Lock& lock, wire::FrameType type, const google::protobuf::MessageLite& message, bool soon) {
  link_.send(type, message);
  if (soon) write_all(lock);
}

void Executor::before_wait() {
  Running* const running = running_here_;
  if (running != nullptr && running->waiting++ == 0) running->waits_since = Clock::now();
}

void Executor::after_wait() {
  Running* const running = running_here_;
  if (running != nullptr && --running->waiting == 0) running->waited += Clock::now() - running->waits_since;
}

// ---- what the worker says ----

void Executor::on_frame(wire::FrameType type, std::string_view payload) {
  if (type == wire::TASK) {
    TaskPtr task;
    if (spare_.empty()) {
      task = std::make_unique<wire::Task>();
    } else {
      task = std::move(spare_.back());
      spare_.pop_back();
    }
    wire::parse(*task, payload);
    if (!task->nested()) {
      queue_.push_back(std::move(task));
      if (idle_ != nullptr) idle_->changed.notify_one();
    } else {
      guests_.push_back(std::move(task));
      link_.wake_all();
    }
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

void Executor::on_lost(const std::string&) { _exit(0); }

}  // namespace morrow::runtime
