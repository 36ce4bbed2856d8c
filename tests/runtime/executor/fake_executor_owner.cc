// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/executor/fake_executor_owner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <morrow/session.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <stdexcept>

#include "runtime/image/code_ref.h"
#include "runtime/image/program.h"

namespace morrow::test {

namespace {

std::pair<wire::Fd, wire::Fd> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {wire::Fd(ends[0]), wire::Fd(ends[1])};
}

}  // namespace

void skip_where_nothing_forks() {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "nothing is forked under ThreadSanitizer";
#endif
}

void FakeExecutor::give(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments, bool nested) {
  words->offer(slot, 1);
  send(slot, invoker, arguments, nested);
}

void FakeExecutor::give_brief(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments) {
  words->offer(slot, 1);
  send(slot, invoker, arguments, false, true);
}

void FakeExecutor::send(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments, bool nested,
                        bool brief) {
  wire::Payload payload;
  const runtime::CodeRef code = runtime::code_ref(reinterpret_cast<const void*>(invoker));
  payload.mutable_function()->mutable_image()->set_module(code.module);
  payload.mutable_function()->mutable_image()->set_offset(code.offset);
  payload.set_arguments(arguments);
  payload.set_function_name("function");
  payload.set_where("test.cc:1");
  wire::Task task;
  task.set_slot(slot);
  task.set_generation(1);
  task.set_claim(slot + 100);
  task.mutable_id()->set_scope(1);
  task.mutable_id()->set_sequence(slot + 1);
  task.set_attempt(1);
  task.set_nested(nested);
  task.set_brief(brief);
  task.set_payload(payload.SerializeAsString());
  tasks.write(wire::TASK, task);
}

FakeExecutorOwner::FakeExecutorOwner(void (*before)()) {
  auto [ours, theirs] = wire::socket_pair(true);
  channel_ = std::move(ours);
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no fork");
  if (pid_ == 0) {
    channel_.reset();
    if (before != nullptr) before();
    setenv("MORROW_EXECUTOR", std::to_string(theirs.get()).c_str(), 1);
    const Session session("nowhere");
    _exit(99);  // it returned
  }
}

FakeExecutorOwner::~FakeExecutorOwner() {
  channel_.reset();
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string FakeExecutorOwner::read_packet(wire::FrameType type) {
  await_readable(channel_.get(), "a packet");
  std::string bytes;
  if (!wire::receive_packet(channel_.get(), bytes, descriptors_)) throw std::runtime_error("the program is gone");
  wire::FrameReader reader;
  reader.append(bytes);
  const auto frame = reader.next();
  if (!frame || frame->type != type) throw std::runtime_error("another packet came");
  return std::string(frame->payload);
}

wire::ProgramReady FakeExecutorOwner::send_program(const wire::Program& program) {
  std::string bytes;
  wire::append_frame(bytes, wire::PROGRAM, program);
  wire::send_packet(channel_.get(), bytes);
  return read<wire::ProgramReady>(wire::PROGRAM_READY);
}

wire::ProgramReady FakeExecutorOwner::send_own_program() { return send_program(runtime::make_program(1, true)); }

FakeExecutor FakeExecutorOwner::fork(bool in_place) {
  FakeExecutor executor;
  auto [stream, stream_there] = wire::socket_pair(false);
  auto [output, output_there] = make_pipe();
  auto [errors, errors_there] = make_pipe();
  executor.tasks = Connection(std::move(stream));
  executor.output = std::move(output);
  executor.errors = std::move(errors);
  executor.file = wire::Fd(wire::ClaimWords::create_file());
  executor.words = std::make_unique<wire::ClaimWords>(executor.file.get());
  wire::Fork message;
  message.set_executor(++last_);
  message.set_in_place(in_place);
  wire::EnvironmentSetting& devices = *message.add_environment();
  devices.set_name("CUDA_VISIBLE_DEVICES");
  devices.set_value("3");
  std::string bytes;
  wire::append_frame(bytes, wire::FORK, message);
  const std::array<int, 4> given{stream_there.get(), output_there.get(), errors_there.get(), executor.file.get()};
  wire::send_packet(channel_.get(), bytes, given);
  answer = read<wire::Forked>(wire::FORKED);
  executor.pid = static_cast<pid_t>(answer.pid());
  return executor;
}

}  // namespace morrow::test
