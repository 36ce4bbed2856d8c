// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "wire/claim_words.h"
#include "wire/frame.h"
#include "wire/held_results.h"
#include "wire/socket.h"
#include "worker/pool/context.h"
#include "worker/pool/process/output_pipe.h"

namespace morrow::worker {

/// One executor as the worker sees it: its socket, output, claim words and process. Messages that are sent before its
/// process runs are kept. Owned by a shared_ptr; not thread-safe.
class ExecutorLink : public std::enable_shared_from_this<ExecutorLink> {
 public:
  /// \throws std::system_error
  ExecutorLink(PoolContext& pool, ExecutorProcess id, std::vector<unsigned> devices);

  ExecutorProcess id() const { return id_; }
  /// The message that asks for its process.
  wire::Fork fork_message(bool in_place) const;
  /// New ends for a process: its socket, standard output, standard error, claim words. Called again when the process it
  /// was for is lost before it ran. \throws std::system_error
  std::array<wire::Fd, 4> open();

  /// Its process runs: executor_ready, and all that waits is sent.
  void running(pid_t pid, wire::Fd pidfd);
  /// Somebody asked for its death, or it is dead: no process is to be made for it.
  bool is_unwanted() const { return kill_wanted_ || is_gone(); }
  /// Nothing: it does not run.
  std::optional<pid_t> pid() const { return state_ == State::kRunning ? std::optional(pid_) : std::nullopt; }
  /// It had its last word.
  bool is_gone() const { return state_ == State::kGone; }

  /// True when nothing was queued before.
  bool send(wire::FrameType type, const google::protobuf::MessageLite& message);
  void flush();
  wire::ClaimWords& words() { return words_; }
  void drain_output();
  /// Gives the frames of the results that it has not sent yet.
  void collect_results();

  /// executor_exited follows, sooner or later.
  void kill();
  /// No process came of the ends that were made last.
  void recall() { close(); }
  /// The process that would report its death is dead.
  void orphaned();
  /// It is dead: gives all that it left, then the last word.
  void finish(ExecutorExit exit);
  /// No word any more.
  void drop();

  /// At the pool's end: kills and waits. Its parent must be reaped before.
  void kill_now();
  void wait_now();

 private:
  /// The life of the connection.
  enum class State { kWaiting, kRunning, kGone };

  void listen();
  void on_readable();
  bool read_frames(std::size_t& got);
  bool give_frames(wire::FrameReader& reader);
  void read_rest();
  void on_stream_end();
  void watch_death();
  void await_writable();
  std::string crash_record() const;
  void close();

  PoolContext& pool_;
  const ExecutorProcess id_;
  const std::vector<unsigned> devices_;
  State state_ = State::kWaiting;
  bool kill_wanted_ = false;
  bool writing_ = false;
  wire::Fd file_;
  wire::ClaimWords words_;
  wire::HeldResults results_;
  boost::asio::posix::stream_descriptor stream_;
  std::shared_ptr<OutputPipe> output_;
  std::shared_ptr<OutputPipe> errors_;
  boost::asio::posix::stream_descriptor pidfd_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer death_timer_;
  pid_t pid_ = -1;
  wire::FrameReader reader_;
  std::string queue_;
  std::size_t written_ = 0;
  std::string reason_;
};

}  // namespace morrow::worker
