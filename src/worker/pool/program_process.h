// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "wire/frame.h"
#include "wire/socket.h"
#include "worker/pool/executor_link.h"
#include "worker/pool/process/launch.h"
#include "worker/pool/process/output_pipe.h"

namespace morrow::worker {

class ProgramProcess;

/// Hears of a program's processes; called from the io_context.
class ProcessOwner {
 public:
  virtual ~ProcessOwner() = default;
  virtual void process_ready(ProgramProcess& process, const wire::ProgramReady& message) = 0;
  virtual void process_forked(ProgramProcess& process, const wire::Forked& message, wire::Fd pidfd) = 0;
  virtual void process_exited(ProgramProcess& process, const wire::Exited& message) = 0;
  /// It did not answer in time.
  virtual void process_stuck(ProgramProcess& process) = 0;
  virtual void process_output(std::string_view text) = 0;
  /// The last word, after all others.
  virtual void process_ended(ProgramProcess& process, int status) = 0;
};

/// A process that runs a program from its start: later a fork server, or an executor itself. Owned by a shared_ptr; not
/// thread-safe.
class ProgramProcess : public std::enable_shared_from_this<ProgramProcess> {
 public:
  ProgramProcess(PoolContext& pool, ProcessOwner& owner, StartedProgram started);

  /// Tells it which modules it must be made of, and listens.
  void start(const wire::Program& program);
  /// The same over another channel: it lost the first.
  void start_again(const wire::Program& program, wire::Fd channel);
  /// Whether `asker` is it or a fork of it, which may have taken its place.
  bool is_or_is_forked_as(pid_t asker) const;
  /// Asks for the executor's process. \throws std::system_error when there are no descriptors for it
  void fork(const std::shared_ptr<ExecutorLink>& link, bool in_place);
  /// The executor that was asked for, when it is not answered yet.
  std::shared_ptr<ExecutorLink> answered(ExecutorProcess id);

  /// Kills it; its owner hears no more. It is reaped later.
  void discard();
  /// The same, and waits for its end.
  void end_now();
  void kill();

  pid_t pid() const { return pid_; }
  bool reached() const { return reached_; }
  std::size_t unanswered() const { return asked_.size(); }
  /// All that was asked for and not answered: it is not waited for any more.
  std::map<ExecutorProcess, std::shared_ptr<ExecutorLink>> take_unanswered();
  /// The last lines that it printed before it was ready.
  std::string last_lines() const;
  /// What the loader wrote when it could not load the program; empty when that is not how it ended.
  std::string loader_error() const;
  bool stuck() const { return stuck_; }
  /// It was stuck since somebody had stopped it.
  bool stopped() const { return stuck_ && stopped_; }
  /// Whether it was made an executor itself.
  bool is_executor() const { return in_place_; }

  std::map<ExecutorProcess, std::shared_ptr<ExecutorLink>> executors;  ///< those that run as its children, or as itself

 private:
  void send_program(const wire::Program& program);
  void listen();
  void read_packets();
  void on_packet(const std::string& bytes, std::vector<wire::Fd>& descriptors);
  void on_output(std::string_view text);
  void on_end(int status);
  void expect_answer();
  void await_answer();
  void on_channel_end();
  void close_channel();
  void close();

  PoolContext& pool_;
  ProcessOwner* owner_;  // null: discarded
  const pid_t pid_;
  boost::asio::posix::stream_descriptor channel_;
  std::shared_ptr<OutputPipe> output_;
  std::shared_ptr<OutputPipe> errors_;
  boost::asio::steady_timer timer_;
  std::map<ExecutorProcess, std::shared_ptr<ExecutorLink>> asked_;
  std::string printed_;
  bool reached_ = false;
  bool in_place_ = false;
  bool stuck_ = false;
  bool stopped_ = false;  ///< at the last look
  std::chrono::steady_clock::time_point answer_by_;
};

}  // namespace morrow::worker
