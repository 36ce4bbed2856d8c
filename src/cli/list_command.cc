// SPDX-License-Identifier: Apache-2.0
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "base/hex.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/future_json.h"
#include "cli/table.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

/// What the command was given.
struct ListArguments {
  std::string what;
  std::string cluster;
  wire::ListRequest request;
  bool json = false;
};

/// What all workers that were asked know together.
struct Listed {
  std::map<std::pair<std::uint64_t, std::uint64_t>, wire::FutureInfo> futures;
  std::vector<wire::SessionInfo> sessions;
  std::uint64_t more = 0;
  std::string error;
  bool answered = false;

  /// Who holds a task knows more of it than the store, which the first one looked into.
  void add(const wire::ListReply& reply) {
    answered = true;
    more += reply.more();
    if (!reply.error().empty()) error = reply.error();
    for (const wire::FutureInfo& future : reply.futures()) {
      wire::FutureInfo& known = futures[{future.id().scope(), future.id().sequence()}];
      if (!known.has_id() || future.pid() != 0 || known.pid() == 0) known = future;
    }
    for (const wire::SessionInfo& session : reply.sessions()) sessions.push_back(session);
  }
};

std::string span_text(std::uint64_t ms) {
  if (ms == 0) return "-";
  constexpr std::uint64_t kMinute = 60'000;
  return ms < 2 * kMinute ? std::to_string(ms / 1000) + " s" : std::to_string(ms / kMinute) + " min";
}

void print_futures(const Listed& listed) {
  std::vector<std::vector<std::string>> rows{{"FUTURE", "NAME", "STATE", "WORKER", "PID", "FOR", "REASON"}};
  for (const auto& [id, future] : listed.futures) {
    rows.push_back({wire::future_text(future.id()), future.name().empty() ? "-" : future.name(),
                    future.running() ? "running" : future.state(), future.worker().empty() ? "-" : future.worker(),
                    future.pid() == 0 ? "-" : std::to_string(future.pid()), span_text(future.for_ms()),
                    future.reason()});
  }
  print_table(rows);
  if (listed.more != 0) std::printf("… and %" PRIu64 " more\n", listed.more);
}

void print_sessions(const Listed& listed) {
  std::vector<std::vector<std::string>> rows{{"SESSION", "WORKER", "STATE"}};
  for (const wire::SessionInfo& session : listed.sessions) {
    rows.push_back({base::hex_of(session.session()), session.worker().empty() ? "-" : session.worker(),
                    session.ending()           ? "ends"
                    : session.worker().empty() ? "its driver is gone, or on its way to another worker"
                                               : "open"});
  }
  print_table(rows);
}

void print_json(const ListArguments& arguments, const Listed& listed) {
  nlohmann::ordered_json out;
  if (arguments.request.sessions()) {
    out["sessions"] = nlohmann::ordered_json::array();
    for (const wire::SessionInfo& session : listed.sessions) {
      out["sessions"].push_back(
          {{"session", base::hex_of(session.session())}, {"worker", session.worker()}, {"ending", session.ending()}});
    }
  } else {
    out["futures"] = nlohmann::ordered_json::array();
    for (const auto& [id, future] : listed.futures) out["futures"].push_back(future_json(future));
    out["more"] = listed.more;
  }
  out["warning"] = listed.error;
  std::printf("%s\n", out.dump(2).c_str());
}

int show_list(ListArguments& arguments) {
  arguments.request.set_unfinished(arguments.what == "tasks" && !arguments.request.failed());
  arguments.request.set_sessions(arguments.what == "sessions");
  Listed listed;
  for (const std::string& path : places_to_ask(arguments.cluster)) {
    arguments.request.set_everywhere(!listed.answered);
    const auto reply = ask(path, arguments.cluster, wire::LIST, arguments.request, wire::LIST_REPLY, wire::ListReply());
    if (reply) listed.add(*reply);
  }
  if (!listed.answered) return nobody_answered(arguments.cluster);
  if (arguments.json) {
    print_json(arguments, listed);
  } else {
    arguments.request.sessions() ? print_sessions(listed) : print_futures(listed);
    if (!listed.error.empty()) std::printf("warning: %s\n", listed.error.c_str());
  }
  return 0;
}

}  // namespace

void add_list(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* command = app.add_subcommand("list", "List a cluster's tasks, futures or sessions, each with the reason");
  command->add_option("WHAT", arguments->what, "tasks (what has not finished), futures (all), or sessions")
      ->check(CLI::IsMember({"tasks", "futures", "sessions"}))
      ->required();
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")
      ->envname(base::kClusterVariable)
      ->required();
  command->add_flag_callback(
      "--failed", [arguments] { arguments->request.set_failed(true); }, "Only what failed");
  command->add_flag_callback(
      "--running", [arguments] { arguments->request.set_running(true); }, "Only what runs");
  command->add_option_function<std::string>(
      "--name", [arguments](const std::string& name) { arguments->request.set_name(name); },
      "Only tasks of this name, in which * stands for any text");
  command->add_flag("--json", arguments->json, "For programs");
  command->callback([arguments, &exit_status] { exit_status = show_list(*arguments); });
}

}  // namespace morrow::cli
