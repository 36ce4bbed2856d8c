// SPDX-License-Identifier: Apache-2.0
#include "runtime/executor/task_runner.h"

#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "base/shown.h"
#include "runtime/failures/throw_stack.h"
#include "runtime/image/code_ref.h"

// The problem: a task is bytes from another process. They name a function by module and offset, and hold its closure,
// its arguments and the values that it depends on. The function is to be called with them, and however it ends, a
// sentence for people comes out of it.
//
// The bytes are input: a call that does not parse, a place without code or a function pointer outside of its closure is
// a failure of the task (kProgram), with no effect on this process. Function pointers inside a closure are zero on the
// way, and set to addresses of this process here.
//
// Small values come with the task and are copied once, each to an aligned place of one block, since the closure and
// plain types are used where they lie. Large ones are read where they lie in the object memory. All of them live until
// the function returns; a value that it wants to keep longer has an owner.
//
// How it may end, and where that is caught: with a value, or an exception (here, see failures/throw_stack.cc); by a
// signal (failures/crash_stack.cc); by the end of the stack, of which `stack_left` warns before a task starts on top of
// another; by exit or pthread_exit (executor.cc, and the worker sees the process end).
namespace morrow::runtime {

namespace {

constexpr std::size_t kMaxTypeBytes = 1 << 10;
constexpr std::size_t kMaxMessageBytes = 16 << 10;
constexpr std::size_t kMaxFramesSent = 128;
constexpr std::size_t kAlignment = 16;

// The bytes that a task is given, each part at an aligned place of one block.
class Inputs {
 public:
  explicit Inputs(std::size_t bytes, std::size_t parts)
      : memory_(static_cast<std::byte*>(::operator new(bytes + parts * kAlignment, std::align_val_t(kAlignment)))),
        at_(memory_) {}
  ~Inputs() { ::operator delete(memory_, std::align_val_t(kAlignment)); }
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  detail::ByteView add(const std::string& bytes) {
    std::byte* const start = at_;
    if (!bytes.empty()) std::memcpy(start, bytes.data(), bytes.size());
    at_ += (bytes.size() + kAlignment - 1) / kAlignment * kAlignment;
    return {start, bytes.size()};
  }

 private:
  std::byte* memory_;
  std::byte* at_;
};

// A message whose memory is used again. Several at once: tasks run on top of each other.
class SparePayload {
 public:
  SparePayload() {
    if (spare().empty()) {
      payload_ = std::make_unique<wire::Payload>();
    } else {
      payload_ = std::move(spare().back());
      spare().pop_back();
    }
  }
  ~SparePayload() {
    const bool large = payload_->closure().capacity() + payload_->arguments().capacity() > kSpareBytes;
    if (!large && spare().size() < kSpare) spare().push_back(std::move(payload_));
  }
  SparePayload(const SparePayload&) = delete;
  SparePayload& operator=(const SparePayload&) = delete;
  wire::Payload& operator*() const { return *payload_; }

 private:
  static constexpr std::size_t kSpare = 16;
  static constexpr std::size_t kSpareBytes = 64 << 10;
  static std::vector<std::unique_ptr<wire::Payload>>& spare() {
    thread_local std::vector<std::unique_ptr<wire::Payload>> all;
    return all;
  }
  std::unique_ptr<wire::Payload> payload_;
};

/// What the call of a task's function needs and leaves.
struct CallData {
  detail::Invoker invoker;
  detail::Invocation invocation;
  detail::Result result;
};

void call(void* data) {
  auto& it = *static_cast<CallData*>(data);
  it.invoker(it.invocation, it.result);
}

void describe(detail::Failure& failure, const wire::Task& task, const wire::Payload* payload) {
  failure.attempt = task.attempt();
  failure.task = task.name();
  if (payload == nullptr) return;
  if (failure.task.empty()) failure.task = payload->function_name();
  failure.where = payload->where();
}

TaskResult failed(detail::Failure failure, const wire::Task& task, const wire::Payload* payload) {
  describe(failure, task, payload);
  failure.type.resize(base::beginning(failure.type, kMaxTypeBytes).size());
  if (failure.message.size() > kMaxMessageBytes) {
    failure.message.resize(base::beginning(failure.message, kMaxMessageBytes).size());
    failure.message += "… (cut off)";
  }
  if (failure.frames.size() > kMaxFramesSent) failure.frames.resize(kMaxFramesSent);
  TaskResult result;
  result.failure = failure.kind;
  result.failure_bytes = write_failure(failure).SerializeAsString();
  return result;
}

TaskResult failed(detail::FailureKind kind, std::string message, const wire::Task& task, const wire::Payload* payload) {
  detail::Failure failure;
  failure.kind = kind;
  failure.message = std::move(message);
  return failed(std::move(failure), task, payload);
}

// Of a task that the exception has left.
detail::Failure failure_of(CapturedException captured) {
  if (auto passed = detail::let_pass(captured.exception)) return *std::move(passed);
  detail::Failure failure;
  failure.kind = detail::FailureKind::kException;
  failure.type = std::move(captured.type);
  failure.message = std::move(captured.message);
  failure.standard = std::move(captured.standard);
  failure.frames = std::move(captured.frames);
  return failure;
}

// The function pointers inside a closure, as addresses of this process.
std::string relocated_closure(const wire::Payload& payload) {
  std::string closure = payload.closure();
  for (const auto& pointer : payload.function().image().code_pointers()) {
    const void* const target = code_address({pointer.module(), pointer.offset()});
    if (pointer.at() > closure.size() || closure.size() - pointer.at() < sizeof(target)) {
      throw std::invalid_argument("a function pointer lies outside of its closure");
    }
    std::memcpy(closure.data() + pointer.at(), &target, sizeof(target));
  }
  return closure;
}

/// The end of the thread's stack.
struct StackBounds {
  std::uintptr_t low = 0;
};

StackBounds find_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  std::size_t guard = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return {};
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_getguardsize(&attributes, &guard);
  pthread_attr_destroy(&attributes);
  return {reinterpret_cast<std::uintptr_t>(low) + guard};
}

}  // namespace

TaskResult run_function(const wire::Task& task, const std::vector<detail::Value>& objects, std::size_t most_bytes) {
  const SparePayload spare;
  wire::Payload& payload = *spare;
  if (!payload.ParseFromString(task.payload())) {
    return failed(detail::FailureKind::kProgram, "the task's call was damaged on its way", task, nullptr);
  }
  if (!payload.function().has_image()) {
    return failed(detail::FailureKind::kProgram, "the task names a kind of function that this version does not know",
                  task, &payload);
  }
  CallData data{};
  std::string closure;
  try {
    const wire::ImageFunction& function = payload.function().image();
    data.invoker = reinterpret_cast<detail::Invoker>(
        reinterpret_cast<std::uintptr_t>(code_address({function.module(), function.offset()})));
    closure = relocated_closure(payload);
  } catch (const std::exception& error) {
    return failed(detail::FailureKind::kProgram, error.what(), task, &payload);
  }
  std::size_t bytes = closure.size() + payload.arguments().size();
  for (const std::string& dependency : task.dependencies()) bytes += dependency.size();
  Inputs inputs(bytes, static_cast<std::size_t>(task.dependencies_size()) + 3);
  std::vector<detail::Value> dependencies;
  dependencies.reserve(static_cast<std::size_t>(task.dependencies_size()));
  for (int i = 0; i < task.dependencies_size(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    const bool object = index < objects.size() && objects[index].owner != nullptr;
    dependencies.push_back(object ? objects[index] : detail::Value{inputs.add(task.dependencies(i)), nullptr});
  }
  detail::Value arguments{inputs.add(payload.arguments()), nullptr};
  if (payload.arguments_last() && !dependencies.empty()) {
    arguments = std::move(dependencies.back());
    dependencies.pop_back();
  }
  data.invocation = {inputs.add(closure), std::move(arguments), dependencies};

  CapturedException captured;
  if (!run_capturing(call, &data, captured)) {
    detail::Failure failure = failure_of(std::move(captured));
    if (failure.type == "morrow::ObjectMemoryError") failure.kind = detail::FailureKind::kNoRoom;
    return failed(std::move(failure), task, &payload);
  }
  if (data.result.bytes.size() > most_bytes) {
    return failed(detail::FailureKind::kTooLarge,
                  "the result is " + std::to_string(data.result.bytes.size()) +
                      " bytes; larger ones than 64 kB need object memory, which this worker has not",
                  task, &payload);
  }
  TaskResult result;
  result.value = std::move(data.result.bytes);
  result.room = std::move(data.result.room);
  result.may_hold_futures = data.result.may_hold_futures;
  return result;
}

TaskResult failed_task(const wire::Task& task, detail::FailureKind kind, std::string message) {
  wire::Payload payload;
  const bool whole = payload.ParseFromString(task.payload());
  return failed(kind, std::move(message), task, whole ? &payload : nullptr);
}

std::size_t stack_left() {
  thread_local const StackBounds bounds = find_stack();
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  if (bounds.low == 0) return std::numeric_limits<std::size_t>::max();  // not known
  return here > bounds.low ? here - bounds.low : 0;
}

}  // namespace morrow::runtime
