// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/message_lite.h>
#include <boost/asio/io_context.hpp>

#include "wire/frame.h"
#include "wire/messages.pb.h"
#include "worker/pool/events.h"

namespace morrow::worker {

/// The executors of this worker: starts programs, forks executors, speaks with them, hears of their death. Lives on the
/// worker's main thread (the one that never ends: PDEATHSIG of the children hangs on it). It makes this process a
/// subreaper and reaps the orphans that come here; it ends all of that too. Children that other code starts are left
/// alone if they stay in the worker's own process session. Not thread-safe.
class ExecutorPool {
 public:
  ExecutorPool(boost::asio::io_context& io, StoreJob store, ExecutorEvents& events, PoolOptions options);
  ~ExecutorPool();  ///< kills all that is left and waits for it

  /// Starts an executor of `program` (fetching and starting the program first when it is not there); `devices` are the
  /// GPUs it sees, none: unset.
  ExecutorProcess start(const std::string& program, const std::vector<unsigned>& devices);

  /// Queues a frame for it; written at `flush`.
  void send(ExecutorProcess executor, wire::FrameType type, const google::protobuf::MessageLite& message);
  /// Writes all that is queued, for all executors.
  void flush();

  /// Claim words: see wire::ClaimWords. Unknown executors: false.
  void offer(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation);
  bool revoke(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation);
  bool taken(ExecutorProcess executor, std::uint32_t slot, std::uint32_t generation) const;

  /// Takes the results that it holds and has not sent yet: executor_frame is called from inside, for some of them not
  /// for the first time.
  void collect_results(ExecutorProcess executor);

  /// Reads its output until nothing is there; executor_output is called from inside.
  void drain_output(ExecutorProcess executor);

  /// Kills its whole process group; executor_exited follows.
  void kill(ExecutorProcess executor);

  /// The driver of this program is `pid` on this machine: its own file may be run instead of a copy, when it is still
  /// the same.
  void program_hint(const std::string& program, std::int64_t driver_pid);

  /// Ends the first process of a program that has no executors left and is not needed.
  void retire(const std::string& program);

  /// Its process; 0: it has not started, or is gone.
  pid_t pid_of(ExecutorProcess executor) const;

  std::size_t size() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace morrow::worker
