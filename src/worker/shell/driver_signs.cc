// SPDX-License-Identifier: Apache-2.0
//
// Who holds a session must know whether its driver is there: a session without one ends after its grace, and what it
// holds is free again.
//
// A driver on this machine needs no proof: its connection is open as long as the process is there, whether that
// computes, waits for a person in a debugger, or for a terminal that takes no more lines. To end the session of a
// process that is visibly alive would help nobody. A driver on another host whose cable is cut looks the same as one
// that has nothing to say; so it says a word once in a while, and one that does not is taken for gone.
//
// The other way round all are told that this worker lives: one that is stopped is no less gone for a local driver.
#include "worker/shell/driver_signs.h"

#include <utility>

#include "control/faults.h"

namespace morrow::worker {

void DriverSigns::start() { arm(); }

void DriverSigns::arm() {
  means_.after(static_cast<std::uint64_t>(wire::SignsOfLife(lease_ms_).period().count()), [this] {
    if (stopped_) return;
    turn();
    arm();
  });
}

void DriverSigns::welcome(ClientId client, bool on_this_machine) {
  drivers_.insert_or_assign(client, Driver{wire::SignsOfLife(lease_ms_), on_this_machine});
}

void DriverSigns::turn() {
  std::vector<ClientId> silent;
  for (auto& [client, driver] : drivers_) {
    if (is_silent(client, driver)) silent.push_back(client);
  }
  for (const ClientId client : silent) {
    means_.warn(
        "a driver on another host gave no sign of life for a third of the lease; its session waits for it to "
        "come back, and ends after its grace");
    means_.cut(client);
  }
}

/// Sends the driver a beat where one is due.
bool DriverSigns::is_silent(ClientId client, Driver& driver) {
  const Clients::Traffic traffic = means_.traffic(client);
  const std::uint64_t said = traffic.taken + traffic.unsent;
  // One that does not take what it asked for is not read; so it lives as long as it takes some of it.
  const std::uint64_t heard = traffic.choked ? traffic.taken : traffic.came;
  const bool due = driver.signs.turn(heard, said) && !control::planted(control::Fault::kUnbeaten);
  if (due && traffic.unsent == 0) {
    const wire::Beat beat;
    means_.send(client, wire::BEAT, beat);
    const Clients::Traffic after = means_.traffic(client);
    driver.signs.beat_sent(after.taken + after.unsent);
  }
  if (traffic.paused && !traffic.choked) driver.signs.did_not_listen();
  return driver.signs.is_silent() && !driver.on_this_machine && means_.is_open(client);
}

void DriverSigns::addresses_changed(const std::vector<std::string>& addresses) {
  wire::Addresses message;
  message.mutable_addresses()->Add(addresses.begin(), addresses.end());
  for (const auto& [client, driver] : drivers_) {
    if (!driver.on_this_machine) means_.send(client, wire::ADDRESSES, message);
  }
}

}  // namespace morrow::worker
