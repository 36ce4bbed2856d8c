// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "worker/cluster/local_workers.h"
#include "worker/cluster/store_thread.h"
#include "worker/cluster/upkeep.h"

namespace morrow::worker {

/// The worker's upkeep in the store's last lane, by a timer of the shell; it is told of the workers of this machine
/// that die. Main thread only.
class Maintenance {
 public:
  using Events = Upkeep::Events;

  Maintenance(boost::asio::io_context& io, StoreThread& store, control::Incarnation incarnation, std::uint64_t lease_ms,
              Events events);

  void start() { upkeep_.start(); }
  void stop();
  void end_scopes(const std::vector<control::ScopeId>& scopes) { upkeep_.end_scopes(scopes); }
  void fan_out() { upkeep_.fan_out(); }
  /// For how long that worker has given no sign, in nanoseconds.
  std::uint64_t silence_of(control::Incarnation worker) const { return upkeep_.silence_of(worker); }
  /// See Upkeep.
  std::optional<std::uint64_t> session_left_ms(control::SessionId session) const {
    return upkeep_.session_left_ms(session);
  }
  /// See LocalWorkers.
  std::string stopped_local_worker() const { return local_workers_.stopped(); }

 private:
  Events with_local_workers(Events events);

  boost::asio::steady_timer timer_;
  LocalWorkers local_workers_;
  Upkeep upkeep_;
};

}  // namespace morrow::worker
