// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace morrow::worker {

/// Hears of the end of child processes. Makes this process a subreaper: processes that the children leave behind come
/// here, and are killed and reaped (those in a process session that is not our own). Not thread-safe.
class ProcessReaper {
 public:
  explicit ProcessReaper(boost::asio::io_context& io);
  ProcessReaper(const ProcessReaper&) = delete;
  ProcessReaper& operator=(const ProcessReaper&) = delete;

  /// Calls `ended` with the status, from the io_context, when the child `pid` has ended. Call it right after the start
  /// of the child.
  void watch(pid_t pid, std::function<void(int)> ended);

  /// Kills the child's process group and waits; its callback is not called.
  void end(pid_t pid);

  /// Kills and reaps all that is watched, and all that others left to this one.
  void end_all();

 private:
  void listen();
  void reap();
  void end_strangers();

  boost::asio::signal_set signals_;
  std::map<pid_t, std::function<void(int)>> watched_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace morrow::worker
