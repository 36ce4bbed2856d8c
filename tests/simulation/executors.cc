// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/executors.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/executor_parts.h"

namespace morrow::simulation {

namespace {

constexpr Time kHop = 20 * kMicrosecond;
constexpr Time kStart = 2 * kMillisecond;
constexpr Time kAsksAnew = 200 * kMillisecond;
/// Later it asks anew instead of failing: its plan wants a value.
constexpr std::uint32_t kMostFailures = 10;

}  // namespace

Executors::Executors(World world, Brain& brain, std::function<void(std::function<void()>)> tell)
    : world_(std::move(world)), brain_(brain), tell_(std::move(tell)) {}

Executors::~Executors() {
  for (auto& [id, process] : processes_) process->alive = false;
}

Executors::ProcessPtr Executors::find(ExecutorId id) const {
  const auto found = processes_.find(id);
  return found == processes_.end() ? nullptr : found->second;
}

/// What the worker sends comes in its order.
void Executors::down(Process& process, std::function<void()> event) {
  process.last_down = std::max(process.last_down, world_.timeline.now() + world_.random.delay(kHop));
  world_.timeline.at(process.last_down, [weak = std::weak_ptr(find(process.id)), event = std::move(event)] {
    const ProcessPtr there = weak.lock();
    if (there && there->alive) event();
  });
}

/// What the process says comes in its order, also when it is dead by then; not when its worker is, nor when its end
/// was told.
void Executors::up(Process& process, std::function<void()> event) {
  process.last_up = std::max(process.last_up, world_.timeline.now() + world_.random.delay(kHop));
  world_.timeline.at(process.last_up, [this, tell = tell_, id = process.id, event = std::move(event)] {
    tell([this, id, event] {
      if (find(id) != nullptr) event();
    });
  });
}

void Executors::start(const action::StartExecutor& start) {
  using Fate = StartLuck::Fate;
  auto process = std::make_shared<Process>();
  process->id = start.executor;
  process->program = start.program;
  processes_[start.executor] = process;
  process->last_down = process->last_up = world_.timeline.now() + world_.random.delay(kStart);
  const Fate fate = world_.start_fate(start.program);
  if (fate == Fate::kFails) return up(*process, [this, program = start.program] { fail_program(program); });
  up(*process, [this, raw = process.get(), id = start.executor] {
    raw->started = true;
    brain_.executor_started(world_.timeline.now(), id);
    down(*raw, [this, raw] { next_task(*raw); });
  });
  if (fate == Fate::kEnds) crash(*process);
}

/// Those that were to start are not heard of again.
void Executors::fail_program(const std::string& program) {
  std::vector<ExecutorId> gone;
  for (auto one = processes_.begin(); one != processes_.end();) {
    const bool lives = one->second->started || one->second->program != program;
    if (!lives) gone.push_back(one->first);
    if (!lives) one->second->alive = false;
    one = lives ? std::next(one) : processes_.erase(one);
  }
  world_.program_failed(program, gone);
}

void Executors::give(const action::Dispatch& dispatch) {
  const ProcessPtr process = find(dispatch.executor);
  if (!process) return;  // it exited in this very turn: the brain is told by that
  process->words[dispatch.slot] = {dispatch.generation, false};
  down(*process, [this, raw = process.get(), sent = dispatch] {
    if (sent.nested) {
      raw->queue.push_front(sent);
    } else {
      raw->queue.push_back(sent);
    }
    next_task(*raw);
  });
}

bool Executors::take_back(ExecutorId executor, std::uint32_t slot, std::uint32_t generation) {
  const ProcessPtr process = find(executor);
  if (!process) return false;
  auto& word = process->words[slot];
  const bool free = word.first == generation && !word.second;
  if (free) word = {0, false};
  return free;
}

void Executors::kill(const action::KillExecutor& kill) {
  if (const ProcessPtr process = find(kill.executor); process && process->alive) crash(*process);
}

void Executors::crash(Process& process) {
  process.alive = false;
  up(process, [this, id = process.id] {
    const ProcessPtr dead = find(id);
    if (!dead) return;
    Brain::Exit exit;
    for (const auto& [slot, word] : dead->words) {
      if (word.second) exit.taken.push_back(slot);
    }
    exit.crash.failure = control::FailureKind::kCrash;
    exit.reason = "it ended";
    processes_.erase(id);
    last_end_ = world_.timeline.now();
    world_.exited(id, exit);
  });
}

Time Executors::without_process_since() const {
  const bool any = std::any_of(processes_.begin(), processes_.end(),
                               [](const auto& one) { return one.second->alive && one.second->started; });
  return any ? world_.timeline.now() : last_end_;
}

bool Executors::crash_one() {
  std::vector<ProcessPtr> busy;
  for (const auto& [id, process] : processes_) {
    if (process->alive && !process->stack.empty()) busy.push_back(process);
  }
  if (busy.empty()) return false;
  crash(*busy[world_.random.below(busy.size())]);
  return true;
}

void Executors::ready(const action::Ready& ready) {
  const ProcessPtr process = find(ready.to.executor);
  if (!process) return;
  down(*process, [this, raw = process.get(), ready] {
    for (auto& task : raw->stack) {
      if (!task->script.answered(ready.token, ready.index, ready.outcome, ready.pending)) continue;
      // Under a nested run it goes on when that has ended.
      if (task != raw->stack.back()) return;
      task->script.advance();
      return task_stands(*raw);
    }
  });
}

/// It is given nothing before its worker knows that it has started.
void Executors::next_task(Process& process) {
  while (process.started && !process.queue.empty()) {
    const bool free = process.stack.empty();
    const bool hosts = !free && process.stack.back()->script.state() == Script::State::kWaits &&
                       process.stack.back()->script.hosts() && process.queue.front().nested;
    if (!free && !hosts) return;
    action::Dispatch sent = std::move(process.queue.front());
    process.queue.pop_front();
    auto& word = process.words[sent.slot];
    if (word.first != sent.generation || word.second) {
      values_read(process, sent);
      continue;
    }
    word.second = true;
    ++tasks_begun;
    process.stack.push_back(std::make_unique<Task>(*this, process, std::move(sent)));
    world_.begun(process.stack.back()->sent().task.id, process.stack.back()->plan());
    if (!process.stack.back()->leaf()) values_read(process, process.stack.back()->sent());
    count_resources();
    if (!process.stack.back()->crashes()) process.stack.back()->script.advance();
    return task_stands(process);
  }
}

/// The topmost task came to a halt: it works, waits, has ended or dies.
void Executors::task_stands(Process& process) {
  Task& task = *process.stack.back();
  if (task.crashes()) return task.plan().kills_worker ? world_.kill_worker(task.plan()) : crash(process);
  if (task.script.state() == Script::State::kWaits) return next_task(process);
  if (task.script.state() != Script::State::kEnded) return;
  if (task.script.plan().end == Plan::End::kSleeps) return;  // until it is killed
  control::Outcome outcome = task.script.outcome();
  if (task.throws()) outcome = {control::FailureKind::kException, "not this time", {}};
  finish_task(process, std::move(outcome));
}

void Executors::values_read(Process& process, const action::Dispatch& sent) {
  up(process, [this, id = process.id, slot = sent.slot, generation = sent.generation] {
    world_.values_read(id, slot, generation);
  });
}

void Executors::finish_task(Process& process, control::Outcome outcome) {
  Task& task = *process.stack.back();
  if (!outcome.ok() || !task.ends_large()) return end_task(process, std::move(outcome), 0);
  write_value(process, std::move(outcome), world_.fresh());
}

/// Asks for room first. A task that finds none fails, and is tried again while others hold it. When that can't help, or
/// has been for long, it lets go all that it holds and asks anew: a program that must have its value.
void Executors::write_value(Process& process, control::Outcome outcome, std::uint64_t number) {
  const Task& task = *process.stack.back();
  up(process, [this, weak = std::weak_ptr(find(process.id)), id = process.id, size = task.large_size(), number,
               outcome = std::move(outcome)] {
    world_.reserve(id, number, size, [this, weak, number, outcome](bool here, bool contended) {
      const ProcessPtr there = weak.lock();
      if (!there || !there->alive) return;
      down(*there, [this, raw = there.get(), number, outcome, here, contended] {
        if (here) return end_task(*raw, outcome, number);
        const action::Dispatch& sent = raw->stack.back()->sent();
        if (contended && sent.task.tries < std::min(kMostFailures, sent.task.spec->max_retries)) {
          control::Outcome failed{control::FailureKind::kNoRoom, "others hold the room", {}};
          failed.contended = true;
          return end_task(*raw, std::move(failed), 0);
        }
        values_read(*raw, sent);
        world_.timeline.after(world_.random.delay(kAsksAnew), [this, weak = std::weak_ptr(find(raw->id)), outcome] {
          const ProcessPtr still_there = weak.lock();
          if (still_there && still_there->alive) write_value(*still_there, outcome, world_.fresh());
        });
      });
    });
  });
}

void Executors::end_task(Process& process, control::Outcome outcome, std::uint64_t number) {
  const std::unique_ptr<Task> task = std::move(process.stack.back());
  process.stack.pop_back();
  Brain::Done done;
  done.slot = task->sent().slot;
  done.generation = task->sent().generation;
  done.claim = task->sent().task.claim;
  done.may_hold_futures = outcome.ok() && task->script.plan().handle.has_value();
  done.ran_ns = world_.timeline.now() - task->began;
  values_read(process, task->sent());
  up(process, [this, id = process.id, done, outcome = std::move(outcome), number, size = task->large_size()]() mutable {
    if (number != 0) outcome.object = world_.make_object(id, number, size);
    done.outcome = std::make_shared<control::Outcome>(std::move(outcome));
    world_.task_done(id, std::move(done));
  });
  process.words[done.slot] = {0, false};
  world_.timeline.after(kMicrosecond, [this, weak = std::weak_ptr(find(process.id))] {
    const ProcessPtr there = weak.lock();
    if (!there || !there->alive) return;
    if (!there->stack.empty() && there->stack.back()->script.state() == Script::State::kRuns) {
      there->stack.back()->script.advance();
      return task_stands(*there);
    }
    next_task(*there);
  });
}

void Executors::lacks_room(ExecutorId executor, bool lacks) {
  if (const ProcessPtr process = find(executor)) process->lacks_room = lacks;
}

/// Resources are oversubscribed only as far as is allowed: the cpus up to twice, memory never.
void Executors::count_resources() {
  control::Resources running;
  std::uint64_t memory = 0;
  for (const auto& [id, process] : processes_) {
    if (!process->alive) continue;
    for (const auto& task : process->stack) {
      memory += task->sent().task.spec->requirements.memory;
      const bool lacks_room = process->lacks_room && task == process->stack.back();
      if (task->script.state() != Script::State::kWaits && !lacks_room) running += task->sent().task.spec->requirements;
    }
  }
  if (running.cpu_micro > 2 * world_.total.cpu_micro) world_.wrong("The cpus are oversubscribed beyond the bound.");
  if (memory > world_.total.memory) world_.wrong("The memory is oversubscribed.");
}

std::string Executors::text() const {
  std::string out;
  for (const auto& [id, process] : processes_) {
    out += " [" + std::to_string(id) + (process->alive ? "" : " dead");
    for (const auto& task : process->stack) {
      const FutureId future = task->sent().task.id;
      out += " " + std::to_string(future.scope) + "/" + std::to_string(future.sequence) + " waits for " +
             task->script.waits_for() + ";";
    }
    out += "]";
  }
  return out;
}

}  // namespace morrow::simulation
