// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// Where a cluster's files are on this machine, for this user.
namespace morrow::wire {

/// A cluster's or worker's name: 1 to 64 letters, digits, `_`, `-`, `.`, not starting with a dot. \throws
/// std::invalid_argument with one sentence
void check_name(std::string_view what, std::string_view name);

/// The folder of sockets: $XDG_RUNTIME_DIR/morrow/CLUSTER, or /tmp/morrow-UID/CLUSTER; 0700, made when `create`.
/// Refuses a folder that belongs to another user, or that others could put another one in the place of. \throws
/// std::runtime_error
std::string run_folder(std::string_view cluster, bool create);

/// The folder of the store, logs and images: $MORROW_HOME/CLUSTER, or $XDG_STATE_HOME/morrow/CLUSTER, or
/// ~/.local/state/morrow/CLUSTER; 0700, made when `create`.
std::string state_folder(std::string_view cluster, bool create);

/// run_folder/NAME.sock. Kept under the 107 bytes of a unix socket's path (\throws std::runtime_error otherwise).
std::string worker_socket(std::string_view cluster, std::string_view worker);

/// All sockets that stand in the cluster's run folder, dead ones included; none when there is no such folder. \throws
/// std::runtime_error when it can't be looked into
std::vector<std::string> worker_sockets(std::string_view cluster);

/// The file beside a worker's socket that says which store it uses.
std::string store_note(const std::string& socket_path);

/// The clusters that have a run folder or a state folder on this machine, by name.
std::vector<std::string> cluster_names();

/// The name of the worker that listens at this socket.
std::string worker_of_socket(const std::string& socket_path);

/// The sentence about a worker that takes connections at this socket and does not answer.
std::string silent_worker(const std::string& socket_path, pid_t pid);

}  // namespace morrow::wire
