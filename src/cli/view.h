// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace morrow::cli {

/// How a command shows what it found: the same options everywhere.
struct View {
  std::string sort;    ///< a column, `-` before it for the largest first; empty: as it comes
  double watch_s = 0;  ///< shown again every so many seconds; 0: once
  bool json = false;   ///< for programs
  bool warn = false;   ///< ends with kWorry when there is something to worry about
};

/// The options --json and --warn; with `rows` also --sort and --watch.
void add_view(CLI::App& command, View& view, bool rows, const std::string& worries);

/// A command that shows something about a CLUSTER, with these options, --sort and --watch too. `show` gives the exit
/// status, which is kept in `exit_status`. What is returned lives as long as `app`.
CLI::App& add_view_command(CLI::App& app, const std::string& name, const std::string& description,
                           const std::string& worries, int& exit_status,
                           std::function<int(const std::string& cluster, const View& view)> show);

/// What a command found.
struct Found {
  std::vector<std::string> worries;  ///< sentences, which are also shown
  bool worried = false;              ///< there is something to worry about though no sentence is needed
};

/// Calls `show` once, or with --watch again and again: on a terminal each time on a clear screen, else with an empty
/// line between. `show` gives the exit status. Returns the last one, as soon as it is kFailed.
int show_view(const View& view, const std::function<int()>& show);

/// The exit status of a command that has found this.
int status_of(const View& view, const Found& found);

/// A sentence for people on standard output, on a line of its own. Control characters in it are shown, not obeyed.
void print_line(const std::string& sentence);

/// The same on standard error: "morrow: SENTENCE".
void complain(const std::string& sentence);

/// Prints "warning: SENTENCE" for each.
void print_worries(const std::vector<std::string>& worries);

/// As programs read it.
void print_json(const nlohmann::ordered_json& json);

}  // namespace morrow::cli
