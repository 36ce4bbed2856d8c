// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "wire/signs_of_life.h"
#include "worker/shell/clients.h"
#include "worker/shell/means.h"

namespace morrow::worker {

/// Shows the drivers of this worker that it lives, and finds those on other hosts that give no sign: for them the
/// kernel tells nothing when the network or the host is gone. Main thread only.
class DriverSigns {
 public:
  /// What it acts with.
  struct Means {
    CallLater after;
    SendToClient send;
    std::function<Clients::Traffic(ClientId)> traffic;
    /// Whether its session goes on; one that ended may stay, and says nothing more.
    std::function<bool(ClientId)> is_open;
    std::function<void(ClientId)> cut;  ///< ends the connection now; `gone` may follow from inside
    Say warn;
  };

  DriverSigns(Means means, std::uint64_t lease_ms) : means_(std::move(means)), lease_ms_(lease_ms) {}

  /// Turns are taken from here on.
  void start();
  void stop() { stopped_ = true; }

  /// A driver has its session.
  void welcome(ClientId client, bool on_this_machine);
  void gone(ClientId client) { drivers_.erase(client); }
  /// HOST:PORT of the other workers, for drivers on other hosts, which would else not know where to go.
  void addresses_changed(const std::vector<std::string>& addresses);

 private:
  /// A connection that beats.
  struct Driver {
    wire::SignsOfLife signs;
    bool on_this_machine = false;
  };

  void arm();
  void turn();
  bool is_silent(ClientId client, Driver& driver);

  Means means_;
  const std::uint64_t lease_ms_;
  std::unordered_map<ClientId, Driver> drivers_;
  bool stopped_ = false;
};

}  // namespace morrow::worker
