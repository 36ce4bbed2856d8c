// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/environment.h"
#include "cli/ask.h"
#include "cli/clusters.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/view.h"

namespace morrow::cli {

namespace {

/// What the command was given.
struct ListArguments {
  std::string what;
  std::string cluster;
  wire::ListRequest request;
  View view;
};

/// What is listed, and how people read it.
struct List {
  Rows rows = {};
  Columns columns = {};
  std::uint64_t more = 0;
  Found found = {};
};

/// Who holds a task knows more of it than the store, which the first one looked into.
List futures_of(const std::vector<wire::ListReply>& replies) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, wire::FutureInfo> futures;
  List list;
  for (const wire::ListReply& reply : replies) {
    list.more += reply.more();
    for (const wire::FutureInfo& future : reply.futures()) {
      wire::FutureInfo& known = futures[{future.id().scope(), future.id().sequence()}];
      if (!known.has_id() || future.pid() != 0 || known.pid() == 0) known = future;
    }
  }
  for (const auto& [id, future] : futures) {
    list.rows.push_back(row_of(future));
    list.found.worried |= future.state() == "failed";
  }
  list.columns = future_columns();
  return list;
}

/// Nothing: nobody answered.
std::optional<List> ask_for_futures_or_sessions(const ListArguments& arguments, Workers& workers) {
  wire::ListRequest own = arguments.request;
  own.set_unfinished(arguments.what == "tasks" && !own.failed());
  own.set_sessions(arguments.what == "sessions");
  const auto replies = ask_everywhere<wire::ListReply>(workers, wire::LIST, own, wire::LIST_REPLY);
  if (replies.empty()) return std::nullopt;
  List list;
  if (own.sessions()) {
    list.columns = session_columns();
    for (const wire::ListReply& reply : replies) {
      for (const wire::SessionInfo& session : reply.sessions()) list.rows.push_back(row_of(session));
    }
  } else {
    list = futures_of(replies);
  }
  for (const wire::ListReply& reply : replies) {
    if (!reply.error().empty()) list.found.worries.push_back(reply.error());
  }
  return list;
}

/// The same.
std::optional<List> ask_for_workers(Workers& workers) {
  wire::Status request;
  request.set_workers_only(true);
  List list;
  list.columns = worker_columns();
  const auto reply = ask_one<wire::StatusReply>(workers, wire::STATUS, request, wire::STATUS_REPLY);
  if (!reply) return std::nullopt;
  for (const wire::WorkerStatus& worker : reply->workers()) {
    list.rows.push_back(row_of(worker));
    list.found.worried |= worker.dying() || worker.cannot_start_size() != 0;
  }
  list.found.worries.assign(reply->warnings().begin(), reply->warnings().end());
  return list;
}

int print(const ListArguments& arguments, List& list) {
  if (!arguments.view.sort.empty()) sort_rows(list.rows, list.columns, arguments.view.sort);
  if (arguments.view.json) {
    nlohmann::ordered_json out;
    const bool futures = arguments.what == "tasks" || arguments.what == "futures";
    out[futures ? "futures" : arguments.what] = list.rows;
    if (futures) out["more"] = list.more;
    out["warnings"] = list.found.worries;
    print_json(out);
  } else {
    print_rows(list.rows, list.columns);
    if (list.more != 0) std::printf("… and %" PRIu64 " more\n", list.more);
    print_worries(list.found.worries);
  }
  return status_of(arguments.view, list.found);
}

int show_list(const ListArguments& arguments) {
  if (arguments.what == "clusters") {
    List list{clusters_of_this_machine(), cluster_columns()};
    for (const Row& row : list.rows) list.found.worried |= !row["silent"].empty();
    return print(arguments, list);
  }
  if (arguments.cluster.empty())
    throw std::invalid_argument("say of which cluster: morrow list " + arguments.what + " CLUSTER");
  Workers workers = greet(arguments.cluster);
  if (workers.there.empty()) return nobody_answered(arguments.cluster, workers);
  auto list = arguments.what == "workers" ? ask_for_workers(workers) : ask_for_futures_or_sessions(arguments, workers);
  if (!list) return nobody_answered(arguments.cluster, workers);
  list->found.worries.insert(list->found.worries.end(), workers.troubles.begin(), workers.troubles.end());
  return print(arguments, *list);
}

}  // namespace

void add_list(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* command = app.add_subcommand(
      "list", "List a cluster's tasks, futures, workers or sessions, or the clusters of this machine");
  command
      ->add_option("WHAT", arguments->what,
                   "tasks (what has not finished), futures (all), workers, sessions, or clusters")
      ->check(CLI::IsMember({"tasks", "futures", "workers", "sessions", "clusters"}))
      ->required();
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line; of clusters: none")
      ->envname(base::kClusterVariable);
  command->add_flag_callback(
      "--failed", [arguments] { arguments->request.set_failed(true); }, "Only what failed");
  command->add_flag_callback(
      "--running", [arguments] { arguments->request.set_running(true); }, "Only what runs");
  command->add_option_function<std::string>(
      "--name", [arguments](const std::string& name) { arguments->request.set_name(name); },
      "Only tasks of this name, in which * stands for any text");
  add_view(*command, arguments->view, true,
           "a failed future, a worker that is dead or does not answer or can't start a program, a store that is full "
           "or away");
  command->callback([arguments, &exit_status] {
    exit_status = show_view(arguments->view, [&arguments] { return show_list(*arguments); });
  });
}

}  // namespace morrow::cli
