// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "control/types.h"
#include "wire/messages.pb.h"
#include "worker/cluster/store_thread.h"

namespace morrow::worker {

/// Brings the output of a task to the worker that its driver is attached to, when that is another one: as a client of
/// that worker, which hands it on. Lines are dropped rather than kept for long, and counted: the log folder has them
/// all. Main thread only.
class LogRelay {
 public:
  /// Which worker of which cluster this is.
  struct Options {
    std::string cluster;
    std::string worker;  ///< this one's name
    std::string place;   ///< the file that has all lines
    std::function<void(control::SessionId, std::uint64_t lines)> left_out;
  };
  LogRelay(boost::asio::io_context& io, StoreThread& store, Options options);
  ~LogRelay();

  /// Sends the lines to the driver of `session`, wherever it is attached.
  void send(control::SessionId session, wire::Log& log);
  /// All that is on its way still is left out.
  void stop();

 private:
  struct Peer;
  /// The way to the driver of a session.
  struct Route {
    bool known = false;       ///< `socket` is the answer of the store
    std::string socket;       ///< empty: it has no driver now
    std::string waiting;      ///< frames, while it is not known
    std::uint64_t until = 0;  ///< nanoseconds of the steady clock: then the store is asked again
  };

  void look_up(control::SessionId session);
  /// False: there is no way to it, or no room.
  bool deliver(const std::string& socket, std::string_view frames);
  void write(const std::shared_ptr<Peer>& peer);
  void forget(const Peer& peer);
  void leave_out(std::string_view frames);
  void forget_routes();

  boost::asio::io_context& io_;
  StoreThread& store_;
  Options options_;
  std::unordered_map<control::SessionId, Route> routes_;
  std::unordered_map<std::string, std::shared_ptr<Peer>> peers_;  ///< by socket
};

}  // namespace morrow::worker
