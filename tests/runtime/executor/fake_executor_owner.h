// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <morrow/detail/core.h>

#include "tests/runtime/client/connection.h"
#include "wire/claim_words.h"

namespace morrow::test {

/// ThreadSanitizer runs a thread of its own in every process, and a process with threads is never forked.
void skip_where_nothing_forks();

/// The worker's side of one executor, played by the test.
struct FakeExecutor {
  Connection tasks;
  wire::Fd output;
  wire::Fd errors;
  wire::Fd file;
  std::unique_ptr<wire::ClaimWords> words;
  pid_t pid = 0;

  /// Offers a task of `invoker` in the slot and sends it. Its claim is `slot + 100`.
  void give(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments = {}, bool nested = false);
  /// The same, of a task that is expected to end at once.
  void give_brief(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments = {});
  /// Sends it without offering it.
  void send(std::uint32_t slot, detail::Invoker invoker, const std::string& arguments = {}, bool nested = false,
            bool brief = false);
  wire::TaskDone done() { return tasks.read<wire::TaskDone>(wire::TASK_DONE); }
};

/// This very program as an executor program: a forked child of the test that meets its Session line.
class FakeExecutorOwner {
 public:
  /// `before` runs in the child before its Session line.
  explicit FakeExecutorOwner(void (*before)() = nullptr);
  ~FakeExecutorOwner();
  FakeExecutorOwner(const FakeExecutorOwner&) = delete;
  FakeExecutorOwner& operator=(const FakeExecutorOwner&) = delete;

  wire::ProgramReady send_program(const wire::Program& program);
  wire::ProgramReady send_own_program();
  /// Asks for an executor; `answer` is what came back.
  FakeExecutor fork(bool in_place = false);
  wire::Forked answer;

  template <class Message>
  Message read(wire::FrameType type) {
    Message message;
    wire::parse(message, read_packet(type));
    return message;
  }
  pid_t pid() const { return pid_; }
  void close() { channel_.reset(); }

 private:
  std::string read_packet(wire::FrameType type);

  wire::Fd channel_;
  pid_t pid_ = -1;
  std::uint32_t last_ = 0;
  std::vector<wire::Fd> descriptors_;
};

}  // namespace morrow::test
