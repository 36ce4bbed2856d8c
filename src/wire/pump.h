// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "wire/net_stream.h"
#include "wire/socket.h"

namespace morrow::wire {

/// Carries bytes between a network connection and a local socket, both ways, until one of them ends; then it closes
/// both. Holds a bounded number of bytes: a side that does not read holds up the one that writes. Blocks the calling
/// thread. `stop` ends it within a second.
void pump(NetStream& network, Fd local, const std::atomic<bool>& stop);

}  // namespace morrow::wire
