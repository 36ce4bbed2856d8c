// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/shown.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/view.h"

namespace morrow::cli {

namespace {

/// How `morrow status` shows what it found.
struct StatusView : View {
  bool verbose = false;  ///< each session too
};

/// A row of list workers, with the amounts also as texts.
Row worker_row(const wire::WorkerStatus& worker) {
  Row row = row_of(worker);
  row["used"] = worker.used();
  row["total"] = worker.total();
  row["executors"] = worker.executors();
  row["dying"] = worker.dying();
  row["draining"] = worker.draining();
  return row;
}

Columns status_columns() {
  const auto name = [](const Row& row) {
    const auto state = row["state"].get<std::string>();
    return row["name"].get<std::string>() + (state == "open" ? "" : " (" + state + ")");
  };
  const auto used = [](const Row& row) {
    const auto text = row["used"].get<std::string>();
    return text.empty() ? std::string("-") : text;
  };
  return {{"WORKER", "name", name},
          {"PID", "pid"},
          {"IN USE", "cpus_in_use", used},
          {"TOTAL", "cpus", [](const Row& row) { return row["total"].get<std::string>(); }},
          {"PROCESSES", "processes"}};
}

std::uint64_t count_of(const wire::StatusReply& reply, std::string_view state) {
  std::uint64_t count = 0;
  for (const wire::FutureCount& one : reply.futures()) count += one.state() == state ? one.count() : 0;
  return count;
}

/// With the variables that its driver has and its tasks do not.
Row session_row(const wire::SessionInfo& session) {
  Row row = row_of(session);
  row["withheld"] = Row::array();
  for (const std::string& name : session.withheld()) row["withheld"].push_back(name);
  return row;
}

void print_sessions(const wire::StatusReply& reply) {
  for (const wire::SessionInfo& session : reply.each_session()) {
    std::string names;
    for (const std::string& name : session.withheld()) names += (names.empty() ? "" : ", ") + base::shown_line(name);
    print_line("session " + base::hex_of(session.session()) + ": of its driver's environment its tasks " +
               (names.empty() ? "have all" : "do not have " + names));
  }
}

void print_status(const std::string& cluster, const wire::StatusReply& reply, const Rows& workers, const Found& found,
                  const StatusView& view) {
  if (view.json) {
    nlohmann::ordered_json out;
    out["cluster"] = cluster;
    out["store"] = reply.store();
    out["workers"] = workers;
    out["futures"] = nlohmann::ordered_json::object();
    for (const wire::FutureCount& count : reply.futures()) out["futures"][count.state()] = count.count();
    out["sessions"] = reply.sessions();
    if (view.verbose) {
      out["each_session"] = Rows();
      for (const wire::SessionInfo& session : reply.each_session()) out["each_session"].push_back(session_row(session));
    }
    out["warnings"] = found.worries;
    return print_json(out);
  }
  print_line("cluster " + cluster + ", store " + reply.store() + "\n");
  print_rows(workers, status_columns());
  std::printf("\nsessions: %llu\nfutures:  ", static_cast<unsigned long long>(reply.sessions()));
  // In the order of a future's life.
  bool any = false;
  for (const char* state : {"building", "waiting", "ready", "claimed", "realized", "failed", "cancelled"}) {
    const std::uint64_t count = count_of(reply, state);
    if (count == 0) continue;
    std::printf("%s%llu %s", any ? ", " : "", static_cast<unsigned long long>(count), state);
    any = true;
  }
  std::printf("%s\n", any ? "" : "none");
  print_sessions(reply);
  print_worries(found.worries);
}

int show_status(const std::string& cluster, const StatusView& view) {
  Workers workers = greet(cluster);
  wire::Status request;
  request.set_verbose(view.verbose);
  const auto reply = ask_one<wire::StatusReply>(workers, wire::STATUS, request, wire::STATUS_REPLY);
  if (!reply) return nobody_answered(cluster, workers);
  Rows rows;
  Found found;
  for (const wire::WorkerStatus& worker : reply->workers()) {
    rows.push_back(worker_row(worker));
    found.worried |= worker.dying();
  }
  found.worried |= count_of(*reply, "failed") != 0;
  found.worries.assign(reply->warnings().begin(), reply->warnings().end());
  found.worries.insert(found.worries.end(), workers.troubles.begin(), workers.troubles.end());
  if (!view.sort.empty()) sort_rows(rows, status_columns(), view.sort);
  print_status(name_of(cluster), *reply, rows, found, view);
  return status_of(view, found);
}

}  // namespace

void add_status(CLI::App& app, int& exit_status) {
  auto verbose = std::make_shared<bool>(false);
  CLI::App& command = add_view_command(
      app, "status", "Show a cluster's workers, what they have in use, and its futures",
      "a worker that is dead or does not answer, or can't start a program; a store that is full or away; tasks "
      "that no worker fits; failed futures",
      exit_status, [verbose](const std::string& cluster, const View& view) {
        return show_status(cluster, {view, *verbose});
      });
  command.add_flag("-v,--verbose", *verbose,
                   "Also each session, with the names of the variables of its driver's environment that tasks do not "
                   "have");
}

}  // namespace morrow::cli
