// SPDX-License-Identifier: Apache-2.0
#include "worker/shell/failure_messages.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/exit_status.h"
#include "wire/crash_record.h"
#include "wire/failed_task.h"
#include "wire/messages.pb.h"
#include "worker/brain/worker_failure.h"

namespace morrow::worker {

namespace {

using control::FailureKind;

const char* sentence_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kCancelled:
      return "the future was cancelled";
    case FailureKind::kReleased:
      return "the future was released, or its scope has ended";
    case FailureKind::kDependency:
      return "a future it depends on failed";
    case FailureKind::kCrash:
      return "the worker that ran it died";
    case FailureKind::kTimeout:
      return "it ran longer than its timeout";
    case FailureKind::kException:
      return "it threw an exception";
    case FailureKind::kUnschedulable:
      return "no worker could ever meet its requirements";
    case FailureKind::kProgram:
      return "its program could not be started on any worker";
    case FailureKind::kTooLarge:
      return "its value is larger than a value may be";
    case FailureKind::kStackOverflow:
      return "it ran out of stack";
    case FailureKind::kNoRoom:
      return "its value found no room in the object memory of its worker";
    case FailureKind::kLost:
      return "no worker that is alive has its value any more";
    case FailureKind::kPoisoned:
      return "it ended its process, or its worker, at each of its attempts";
    case FailureKind::kStoreFull:
      return "the store was full for longer than the patience of its driver (SessionOptions::store_patience): free "
             "space on its disk where that is full, release futures, or end sessions that hold some";
    case FailureKind::kDeadlock:
      return "it waited, through others, for itself";
    case FailureKind::kOutOfMemory:
      return "memory ran out";
    case FailureKind::kNone:
      break;
  }
  return "it failed, and nothing more is known";
}

bool is_failure(const std::string& bytes) {
  wire::Failure failure;
  return failure.ParseFromString(bytes) && failure.kind() != 0;
}

}  // namespace

std::string failure_bytes(const control::Outcome& outcome, const std::string& worker) {
  if (is_failure(outcome.bytes)) return outcome.bytes;
  wire::Failure failure;
  failure.set_kind(static_cast<std::uint32_t>(outcome.failure));
  failure.set_message(outcome.bytes.empty() ? sentence_of(outcome.failure) : outcome.bytes);
  failure.set_worker(worker);
  if (outcome.root != control::FutureId{}) {
    failure.mutable_root()->set_scope(outcome.root.scope);
    failure.mutable_root()->set_sequence(outcome.root.sequence);
  }
  return failure.SerializeAsString();
}

std::string encode_failure(FailureKind kind, const std::string& sentence, const control::Spec& spec,
                           std::uint32_t attempt) {
  return make_failure(kind, sentence, &spec, {}, attempt)->bytes;
}

std::string located(const std::string& bytes, const std::string& worker, std::uint32_t attempt) {
  wire::Failure failure;
  if (!failure.ParseFromString(bytes)) return bytes;
  failure.set_worker(worker);
  failure.set_attempt(attempt);
  return failure.SerializeAsString();
}

std::string describe_end(const ExecutorExit& exit) {
  if (!exit.reason.empty()) return exit.reason;
  if (!exit.known) return "its process died together with the first process of its program";
  const std::string end = "its process " + base::describe_exit(exit.status);
  return WIFSIGNALED(exit.status) ? end : end + " (it called exit, or returned from main)";
}

control::Outcome crash_outcome(const ExecutorExit& exit, const control::Spec* spec, std::uint32_t attempt,
                               const std::string& worker) {
  wire::Failure failure;
  failure.set_message(describe_end(exit));
  failure.set_worker(worker);
  failure.set_attempt(attempt);
  if (spec != nullptr) wire::tell_task(failure, spec->name, spec->payload);
  if (exit.known && WIFSIGNALED(exit.status)) failure.set_signal(WTERMSIG(exit.status));
  if (exit.known && WIFEXITED(exit.status)) failure.set_exit_status(WEXITSTATUS(exit.status));
  control::Outcome outcome;
  outcome.failure = FailureKind::kCrash;
  if (const auto record = wire::CrashRecord::read(exit.crash_record)) {
    // A handler of the program's own (a sanitizer's, say) got the signal after ours, and left with a status.
    if (failure.exit_status() != 0 && record->signal > 0 && record->signal < NSIG) {
      failure.set_message("its process got " + base::describe_signal(record->signal) +
                          ", and its handler exited with status " + std::to_string(failure.exit_status()));
      failure.set_signal(record->signal);
      failure.clear_exit_status();
    }
    if (record->stack_overflow != 0) {
      outcome.failure = FailureKind::kStackOverflow;
      failure.set_message("its stack is full: it recurses too deeply, or keeps too much in local variables (" +
                          failure.message() + ")");
    }
    for (std::uint32_t i = 0; i < record->count; ++i) {
      wire::Frame* frame = failure.add_frames();
      frame->set_module(static_cast<std::uint32_t>(record->frames[i].module));
      frame->set_offset(record->frames[i].offset);
    }
  }
  failure.set_kind(static_cast<std::uint32_t>(outcome.failure));
  outcome.bytes = failure.SerializeAsString();
  return outcome;
}

control::Outcome out_of_memory_outcome(const control::Outcome& crash, const OutOfMemory& why) {
  wire::Failure failure;
  failure.ParseFromString(crash.bytes);
  control::Outcome outcome;
  outcome.failure = FailureKind::kOutOfMemory;
  outcome.contended = why.by_kernel;
  failure.set_kind(static_cast<std::uint32_t>(outcome.failure));
  failure.set_message(why.sentence);
  failure.set_signal(SIGKILL);
  failure.set_asked_bytes(why.asked_bytes);
  failure.set_used_bytes(why.used_bytes);
  outcome.bytes = failure.SerializeAsString();
  return outcome;
}

}  // namespace morrow::worker
