// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "wire/socket.h"

namespace morrow::worker {

/// Where a process that has lost its channel, or does not know that it was given one, asks the worker that it descends
/// from. Not thread-safe.
class ProgramDoor {
 public:
  /// Gets the number of the process that asks, and the connection, which is its channel from then on, or is closed.
  using Take = std::function<void(pid_t asker, wire::Fd connection)>;

  ProgramDoor(boost::asio::io_context& io, Take take);

 private:
  void listen();
  /// False: there are more, and no descriptor to take them with.
  bool take_all();

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer again_;
  Take take_;
};

}  // namespace morrow::worker
