// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "worker/brain/worker_failure.h"
#include "worker/shell/failure_messages.h"
#include "worker/shell/shell.h"

namespace morrow::worker {

Shell::Executor* Shell::by_process(ExecutorProcess process) {
  const auto found = processes_.find(process);
  return found == processes_.end() ? nullptr : found->second;
}

Shell::Executor* Shell::by_number(ExecutorId number) {
  const auto found = executors_.find(number);
  return found == executors_.end() ? nullptr : found->second.get();
}

const Shell::Given* Shell::given(const Executor& executor, control::Claim claim) {
  const auto found =
      std::find_if(executor.given.begin(), executor.given.end(), [&](const Given& one) { return one.claim == claim; });
  return found == executor.given.end() ? nullptr : &*found;
}

void Shell::executor_ready(ExecutorProcess process) {
  Executor* executor = by_process(process);
  if (executor == nullptr) return;
  executor->started = true;
  brain_.executor_started(now(), executor->number);
}

void Shell::executor_exited(ExecutorProcess process, const ExecutorExit& exit) {
  Executor* executor = by_process(process);
  if (executor == nullptr) return;
  end_partial_lines(*executor);
  if (!exit.reason.empty()) logs_.warn(exit.reason);
  Brain::Exit told;
  const Given* running = nullptr;  // the latest of those it had taken: a nested run stands above the others
  for (const Given& given : executor->given) {
    if (!pool_.taken(process, given.slot, given.generation)) continue;
    told.taken.push_back(given.slot);
    running = &given;
  }
  told.crash = crash_outcome(exit, running != nullptr ? running->spec.get() : nullptr,
                             running != nullptr ? running->attempt : 0, options_.info.name);
  const ExecutorId number = executor->number;
  objects_.gone(number);
  processes_.erase(process);
  executors_.erase(number);
  brain_.executor_exited(now(), number, told);
}

void Shell::program_failed(const std::string& program, const std::string& sentence) {
  logs_.warn(sentence);
  std::vector<ExecutorId> failed;
  std::erase_if(executors_, [&](const auto& entry) {
    const Executor& executor = *entry.second;
    if (executor.program != program || executor.started) return false;
    processes_.erase(executor.process);
    failed.push_back(executor.number);
    return true;
  });
  // Values for their tasks were pinned already.
  for (const ExecutorId number : failed) objects_.gone(number);
  brain_.program_failed(now(), program,
                        *make_failure(control::FailureKind::kProgram, sentence, nullptr, options_.info.name, 0));
}

void Shell::executor_frame(ExecutorProcess process, wire::FrameType type, std::string_view payload) {
  Executor* executor = by_process(process);
  if (executor == nullptr) return;
  if (executor->late && type != wire::UNPIN) {
    // Its next task speaks: ends are told in their order.
    tell_late(executor->number);
    executor = by_process(process);
    if (executor == nullptr) return;
  }
  if (type == wire::TASK_DONE) return task_done(*executor, payload);
  if (change_frame(Waiter{0, executor->number}, nullptr, executor, type, payload)) return;
  throw wire::ProtocolError("a task's process sent a frame of type " + std::to_string(type) +
                            ", which only others may send");
}

void Shell::task_done(Executor& executor, std::string_view payload) {
  wire::parse(task_done_, payload);
  const control::Claim claim = task_done_.claim();
  // Lines the task wrote come before its end.
  if (task_done_.has_output()) pool_.drain_output(executor.process);
  end_partial_lines(executor);
  if (task_done_.has_output()) {
    wire::Drained drained;
    drained.set_claim(claim);
    pool_.send(executor.process, wire::DRAINED, drained);
  }
  const Given* task = given(executor, claim);
  const std::uint64_t object = task_done_.object();
  if (task == nullptr) return objects_.unpin(executor.number, object);
  auto outcome = std::make_shared<control::Outcome>();
  const std::uint32_t kind = task_done_.failure();
  if (kind > static_cast<std::uint32_t>(control::FailureKind::kNoRoom)) {
    throw wire::ProtocolError("a task's process sent an unknown kind of failure");
  }
  outcome->failure = static_cast<control::FailureKind>(kind);
  outcome->bytes = std::move(*task_done_.mutable_bytes());
  if (object != 0) {
    if (!objects_.seal(executor.number, object, task_done_.size(), task->id, task_done_.keeps()))
      throw wire::ProtocolError("a task's process named an object that is not its own to write");
    outcome->object = {object, task_done_.size(), incarnation_};
  }
  if (!outcome->ok()) outcome->bytes = located(outcome->bytes, options_.info.name, task->attempt);
  Brain::Done done;
  done.slot = task->slot;
  done.generation = task->generation;
  done.claim = claim;
  done.outcome = outcome;
  done.may_hold_futures = task_done_.may_hold_futures();
  done.ran_ns = task_done_.ran_ns();
  if (task == &executor.given.front()) {
    executor.given.pop_front();
  } else {
    std::erase_if(executor.given, [claim](const Given& one) { return one.claim == claim; });
  }
  const bool contended = std::exchange(executor.contended, false);
  if (!contended || outcome->failure != control::FailureKind::kNoRoom) return ended(executor.number, std::move(done));
  // Told when those who waited with it are served: at once, it would be in their way again.
  outcome->contended = true;
  executor.late = std::move(done);
  objects_.after_waiting([this, number = executor.number] { tell_late(number); });
}

void Shell::tell_late(ExecutorId number) {
  Executor* executor = by_number(number);
  if (executor == nullptr || !executor->late) return;
  Brain::Done done = *std::exchange(executor->late, std::nullopt);
  ended(number, std::move(done));
}

void Shell::ended(ExecutorId number, Brain::Done done) {
  brain_.task_done(now(), number, std::move(done));
  if (Executor* executor = by_number(number); executor != nullptr && !executor->starting.empty()) start_ready(number);
}

// ---- what tasks write ----

/// What a program prints before its Session line is nobody's task.
void Shell::program_output(const std::string& program, std::string_view text) {
  std::vector<std::string> lines;
  starting_[program].cut(text, lines);
  logs_.task_lines("(the start of a program)", false, lines);
}

void Shell::executor_output(ExecutorProcess process, bool to_stderr, std::string_view text) {
  Executor* executor = by_process(process);
  if (executor == nullptr) return;
  std::vector<std::string> lines;
  (to_stderr ? executor->err : executor->out).cut(text, lines);
  tell_lines(*executor, to_stderr, lines);
}

void Shell::end_partial_lines(Executor& executor) {
  if (executor.out.empty() && executor.err.empty()) return;
  std::vector<std::string> line(1);
  if (executor.out.rest(line.front())) tell_lines(executor, false, line);
  if (executor.err.rest(line.front())) tell_lines(executor, true, line);
}

void Shell::tell_lines(const Executor& executor, bool to_stderr, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  const std::string* running = brain_.task_name(executor.number);
  const std::string& task = running != nullptr       ? *running
                            : executor.given.empty() ? executor.program
                                                     : executor.given.front().spec->name;
  logs_.task_lines(running != nullptr || !executor.given.empty() ? task : "(no task)", to_stderr, lines);
  control::SessionId session = brain_.task_session(executor.number);
  if (session == 0 && !executor.given.empty()) session = executor.given.front().spec->session;
  const auto log_of = [&] {
    wire::Log log;
    log.set_task(task);
    log.set_worker(options_.info.name);
    log.set_to_stderr(to_stderr);
    for (const std::string& line : lines) log.add_lines(line);
    return log;
  };
  Driver* driver = driver_of(session);
  if (driver == nullptr) {
    if (session == 0 || options_.private_worker || sessions_.contains(session)) return;
    wire::Log log = log_of();
    return relay_.send(session, log);
  }
  if (!driver->log) return;
  if (clients_.unsent(driver->id) > kMaxUnsentLog) {
    driver->dropped_lines += lines.size();
    return;
  }
  if (driver->dropped_lines != 0) {
    wire::Notice notice;
    notice.set_text(std::to_string(driver->dropped_lines) +
                    " lines of tasks were left out here, since they came faster than they were read; " +
                    "the worker's tasks.log has them");
    driver->dropped_lines = 0;
    clients_.send(driver->id, wire::NOTICE, notice);
  }
  clients_.send(driver->id, wire::LOG, log_of());
}

}  // namespace morrow::worker
