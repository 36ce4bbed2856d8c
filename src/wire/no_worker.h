// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace morrow::wire {

/// Why no worker of the cluster was found on this machine, in one sentence without its end: none runs, and which
/// clusters have workers here; or one runs that this process does not find: its sockets are in another folder, or it
/// belongs to another user. Looks at the folders of sockets; for a process that has found none in its own.
std::string no_worker(std::string_view cluster);

}  // namespace morrow::wire
