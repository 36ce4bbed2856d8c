// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace morrow::wire {

/// A loopback address (or "localhost"): a socket that listens there can only be reached from this machine.
bool is_loopback(const std::string& address);

/// The numeric addresses of a host by its name, the preferred one first. Asks the network, and may take long. \throws
/// NetworkError
std::vector<std::string> addresses_of(const std::string& host);

/// The address by which others reach a socket that listens on this numeric one: itself, or for one that means all
/// addresses one of the machine's own, if it has one: that of its default route, else one of no bridge of containers.
std::string reachable_address(const std::string& address);

}  // namespace morrow::wire
