// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace morrow::base {

/// Set by a worker for the programs it starts: the number of the descriptor by which the program reaches it. The
/// Session line finds it there, takes it out of the environment, and becomes an executor.
inline constexpr const char* kExecutorVariable = "MORROW_EXECUTOR";
/// Set by a worker too: files of the driver that these programs must not cut, see runtime/image/kept_files.h.
inline constexpr const char* kKeptFilesVariable = "MORROW_KEPT_FILES";
/// The cluster of a Session that names none, and of the `morrow` command: a name, or a line to join from another host.
inline constexpr const char* kClusterVariable = "MORROW_CLUSTER";
/// "1": a Session runs its tasks in its own process, whatever its cluster and options; "0": it does not. Empty: its
/// options say it.
inline constexpr const char* kInProcessVariable = "MORROW_IN_PROCESS";
/// The folder under which clusters have their stores, logs and images; before XDG_STATE_HOME.
inline constexpr const char* kHomeVariable = "MORROW_HOME";
/// Path of the `morrow` command, by which a Session starts a private worker; before all other places where it may be.
inline constexpr const char* kCommandVariable = "MORROW_COMMAND";
/// The folder for sockets, of the XDG Base Directory Specification.
inline constexpr const char* kRuntimeDirVariable = "XDG_RUNTIME_DIR";
/// The folder for what is kept, of the XDG Base Directory Specification.
inline constexpr const char* kStateHomeVariable = "XDG_STATE_HOME";

/// The variable's value; empty when it is not set. Not while another thread changes the environment.
std::string environment(const char* name);

/// `NAME=value`, a line of an environment.
std::string environment_line(std::string_view name, std::string_view value);

/// Whether that line of an environment sets the variable.
bool sets_variable(std::string_view line, std::string_view name);

}  // namespace morrow::base
