// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

namespace morrow::wire {

/// Frees what getaddrinfo found.
struct FreeAddresses {
  void operator()(addrinfo* first) const { freeaddrinfo(first); }
};
/// The findings of getaddrinfo: a list.
using FoundAddresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// The addresses of a host for streams, by its name or as numbers; without a port when that is null. Asks the network,
/// and may take long. \throws NetworkError
FoundAddresses find_addresses(const std::string& host, const char* port);

}  // namespace morrow::wire
