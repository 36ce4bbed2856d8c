// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace morrow::cli {

/// Add a subcommand each; running it sets `exit_status`. They throw std::invalid_argument for values that make no
/// sense.
void add_worker(CLI::App& app, int& exit_status);
void add_status(CLI::App& app, int& exit_status);
void add_token(CLI::App& app, int& exit_status);
void add_objects(CLI::App& app, int& exit_status);
void add_why(CLI::App& app, int& exit_status);
void add_list(CLI::App& app, int& exit_status);
void add_summary(CLI::App& app, int& exit_status);
void add_logs(CLI::App& app, int& exit_status);
void add_cancel(CLI::App& app, int& exit_status);
void add_stop(CLI::App& app, int& exit_status);
void add_drain(CLI::App& app, int& exit_status);

}  // namespace morrow::cli
