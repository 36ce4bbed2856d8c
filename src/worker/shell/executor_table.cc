// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/executor_table.h"

#include <algorithm>
#include <utility>

#include "base/must.h"
#include "worker/brain/worker_failure.h"
#include "worker/shell/failure_messages.h"

// The brain decides on executors before there is a process, so it numbers them itself; the pool numbers the processes
// that it starts. This table has both numbers of each, and what an executor says goes through here to the brain.
//
// - The order of what a process says is kept, also where an end is told late: a task that failed for want of room which
//   other tasks held is to be tried again, but at once it would be in the way of those that wait for that room. So its
//   end is told when they are served, or as soon as its process says anything else of the next task.
// - Lines that a task wrote come before its end.
// - A process that dies may have taken several tasks (a nested run stands above the others). The pool's claim words
// tell
//   which; the crash is charged to the latest.
// - What a process sends may be anything, since it runs the user's code: it is looked at as the words of a stranger,
// and
//   a wire::ProtocolError kills that process alone. Invariants here are about this worker's own state.
//
// To read next: worker/pool/pool.h, worker/brain/executor_events.cc.
namespace morrow::worker {

ExecutorTable::ExecutorTable(Means means, Options options, Events events, TaskStarter& tasks, TaskOutput& output)
    : means_(std::move(means)),
      options_(std::move(options)),
      events_(std::move(events)),
      tasks_(tasks),
      output_(output) {}

ExecutorTable::Entry* ExecutorTable::by_process(ExecutorProcess process) {
  const auto found = by_process_.find(process);
  if (found == by_process_.end()) return nullptr;
  MORROW_INVARIANT(found->second->process == process, "both maps of executors have the same entries", process,
                   found->second->process);
  return found->second;
}

ExecutorTable::Entry* ExecutorTable::by_number(ExecutorId number) {
  const auto found = entries_.find(number);
  return found == entries_.end() ? nullptr : found->second.get();
}

std::optional<ExecutorProcess> ExecutorTable::process_of(ExecutorId executor) const {
  const auto found = entries_.find(executor);
  if (found == entries_.end()) return std::nullopt;
  return found->second->process;
}

std::vector<ExecutorId> ExecutorTable::all() const {
  std::vector<ExecutorId> numbers;
  numbers.reserve(entries_.size());
  for (const auto& [number, entry] : entries_) numbers.push_back(number);
  return numbers;
}

const std::string& ExecutorTable::program_of(ExecutorId executor) const {
  return base::must_find(entries_, executor, "an executor that is asked for its program is here")->program;
}

void ExecutorTable::send(ExecutorId executor, wire::FrameType type, const google::protobuf::MessageLite& message) {
  if (const Entry* entry = by_number(executor)) means_.send(entry->process, type, message);
}

// ---- what the brain says ----

void ExecutorTable::carry_out(action::StartExecutor& start) {
  auto entry = std::make_unique<Entry>();
  entry->number = start.executor;
  entry->program = start.program;
  entry->process = means_.start(start.program, start.devices);
  const bool is_new = by_process_.emplace(entry->process, entry.get()).second;
  MORROW_INVARIANT(is_new, "a process is started for one executor", start.executor, entry->process);
  const bool unknown = entries_.emplace(start.executor, std::move(entry)).second;
  MORROW_INVARIANT(unknown, "an executor is started once", start.executor);
  tasks_.executor_came(start.executor);
  means_.may_read(start.executor);
}

void ExecutorTable::carry_out(action::KillExecutor& kill) {
  Entry* entry = by_number(kill.executor);
  if (entry == nullptr) return;
  entry->killed = true;
  means_.kill(entry->process);
}

void ExecutorTable::carry_out(action::CollectResults& collect) {
  if (const Entry* entry = by_number(collect.executor)) means_.collect_results(entry->process);
}

// ---- lives ----

void ExecutorTable::executor_ready(ExecutorProcess process) {
  Entry* entry = by_process(process);
  if (entry == nullptr) return;
  entry->started = true;
  events_.started(entry->number);
}

void ExecutorTable::executor_exited(ExecutorProcess process, const ExecutorExit& exit) {
  const Entry* entry = by_process(process);
  if (entry == nullptr) return;
  const ExecutorId number = entry->number;
  output_.end_lines(number);
  if (!exit.reason.empty()) events_.warn(exit.reason);
  Brain::Exit told;
  const HandedTask* running = nullptr;  // the latest of those it had taken
  for (const HandedTask& task : tasks_.handed(number)) {
    if (!means_.taken(process, task.slot, task.generation)) continue;
    told.taken.push_back(task.slot);
    running = &task;
  }
  told.crash = crash_outcome(exit, running != nullptr ? running->spec.get() : nullptr,
                             running != nullptr ? running->attempt : 0, options_.worker);
  told.reason = entry->start_failure.empty() ? describe_end(exit) : entry->start_failure;
  if (means_.out_of_memory) {
    const bool killed = entry->killed || !exit.reason.empty();
    if (const auto why = means_.out_of_memory(number, running, exit, killed))
      told.crash = out_of_memory_outcome(told.crash, *why);
  }
  tasks_.executor_gone(number);
  output_.executor_gone(number);
  means_.reads_no_more(number);
  base::must_erase(by_process_, process, "an executor that exits has a process");
  base::must_erase(entries_, number, "an executor that exits is here");
  events_.exited(number, told);
}

void ExecutorTable::program_failed(const std::string& program, const std::string& sentence) {
  events_.warn(sentence);
  std::vector<ExecutorId> failed;
  std::erase_if(entries_, [&](const auto& one) {
    const Entry& entry = *one.second;
    if (entry.program != program || entry.started) return false;
    base::must_erase(by_process_, entry.process, "an executor that is to start has a process");
    failed.push_back(entry.number);
    return true;
  });
  for (const ExecutorId number : failed) {
    tasks_.executor_gone(number);
    output_.executor_gone(number);
    means_.reads_no_more(number);  // values for its tasks may be pinned already
  }
  events_.program_failed(program, sentence);
}

// ---- what a process says ----

void ExecutorTable::executor_frame(ExecutorProcess process, wire::FrameType type, std::string_view payload) {
  Entry* entry = by_process(process);
  if (entry == nullptr) return;
  if (entry->late_end && type != wire::UNPIN) {
    tell_late_end(entry->number);  // its next task speaks: ends are told in their order
    entry = by_process(process);
    if (entry == nullptr) return;
  }
  if (type == wire::TASK_DONE) return task_done(*entry, payload);
  if (type == wire::START_FAILED) {
    wire::StartFailed message;
    wire::parse(message, payload);
    entry->start_failure = std::move(*message.mutable_sentence());
    return;
  }
  events_.frame(entry->number, type, payload);
}

void ExecutorTable::executor_output(ExecutorProcess process, bool to_stderr, std::string_view text) {
  if (const Entry* entry = by_process(process)) output_.wrote(entry->number, to_stderr, text);
}

void ExecutorTable::found_no_room(ExecutorId executor) {
  if (Entry* entry = by_number(executor)) entry->found_no_room = true;
}

void ExecutorTable::task_done(Entry& entry, std::string_view payload) {
  wire::parse(task_done_, payload);
  const control::Claim claim = task_done_.claim();
  if (task_done_.has_output()) means_.drain_output(entry.process);
  output_.end_lines(entry.number);
  if (task_done_.has_output()) {
    wire::Drained drained;
    drained.set_claim(claim);
    means_.send(entry.process, wire::DRAINED, drained);
  }
  const HandedTask* task = tasks_.given(entry.number, claim);
  if (task == nullptr) return means_.unpin(entry.number, task_done_.object());
  const bool no_room = task_done_.failure() == static_cast<std::uint32_t>(control::FailureKind::kNoRoom);
  const bool contended = std::exchange(entry.found_no_room, false) && no_room;
  Brain::Done done;
  done.outcome = outcome_of(entry, *task, contended);
  done.slot = task->slot;
  done.generation = task->generation;
  done.claim = claim;
  done.may_hold_futures = task_done_.may_hold_futures();
  done.ran_ns = task_done_.ran_ns();
  tasks_.ended(entry.number, claim);
  if (!contended) return tell_end(entry.number, std::move(done));
  MORROW_INVARIANT(!entry.late_end, "an end that is late is told before the next one", entry.number, claim);
  entry.late_end = std::move(done);
  means_.after_waiting([this, number = entry.number] { tell_late_end(number); });
}

/// Of the task that `task_done_` ends. \throws wire::ProtocolError
control::OutcomePtr ExecutorTable::outcome_of(const Entry& entry, const HandedTask& task, bool contended) {
  const std::uint32_t kind = task_done_.failure();
  if (kind > static_cast<std::uint32_t>(control::FailureKind::kNoRoom))
    throw wire::ProtocolError("a task's process sent an unknown kind of failure");
  auto outcome = std::make_shared<control::Outcome>();
  outcome->failure = static_cast<control::FailureKind>(kind);
  outcome->bytes = std::move(*task_done_.mutable_bytes());
  outcome->contended = contended;
  if (const std::uint64_t object = task_done_.object(); object != 0) {
    if (!means_.seal(entry.number, object, task_done_.size(), {task.id, task.spec->session}, task_done_.keeps()))
      throw wire::ProtocolError("a task's process named an object that is not its own to write");
    outcome->object = {object, task_done_.size(), options_.incarnation};
  }
  if (!outcome->ok()) outcome->bytes = located(outcome->bytes, options_.worker, task.attempt);
  return outcome;
}

void ExecutorTable::tell_late_end(ExecutorId number) {
  Entry* entry = by_number(number);
  if (entry == nullptr || !entry->late_end) return;
  tell_end(number, *std::exchange(entry->late_end, std::nullopt));
}

void ExecutorTable::tell_end(ExecutorId number, Brain::Done done) {
  events_.task_done(number, std::move(done));
  tasks_.start_ready(number);
}

}  // namespace morrow::worker
