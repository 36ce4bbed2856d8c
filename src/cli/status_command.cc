// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/table.h"

namespace morrow::cli {

namespace {

void print_json(const std::string& cluster, const wire::StatusReply& reply) {
  nlohmann::ordered_json out;
  out["cluster"] = cluster;
  out["store"] = reply.store();
  out["workers"] = nlohmann::ordered_json::array();
  for (const wire::WorkerStatus& worker : reply.workers()) {
    out["workers"].push_back({{"name", worker.name()},
                              {"host", worker.host()},
                              {"pid", worker.pid()},
                              {"address", worker.address()},
                              {"used", worker.used()},
                              {"total", worker.total()},
                              {"executors", worker.executors()},
                              {"dying", worker.dying()}});
  }
  out["futures"] = nlohmann::ordered_json::object();
  for (const auto& [state, count] : reply.futures()) out["futures"][state] = count;
  out["sessions"] = reply.sessions();
  out["warnings"] = nlohmann::ordered_json::array();
  for (const std::string& warning : reply.warnings()) out["warnings"].push_back(warning);
  std::printf("%s\n", out.dump(2).c_str());
}

void print(const std::string& cluster, const wire::StatusReply& reply) {
  std::printf("cluster %s, store %s\n\n", cluster.c_str(), reply.store().c_str());
  std::vector<std::vector<std::string>> rows{{"WORKER", "PID", "IN USE", "TOTAL", "PROCESSES"}};
  for (const wire::WorkerStatus& worker : reply.workers()) {
    rows.push_back({worker.name() + (worker.dying() ? " (dead)" : ""), std::to_string(worker.pid()),
                    worker.used().empty() ? "-" : worker.used(), worker.total(), std::to_string(worker.executors())});
  }
  print_table(rows);
  std::printf("\nsessions: %llu\nfutures:  ", static_cast<unsigned long long>(reply.sessions()));
  // In the order of a future's life.
  bool any = false;
  for (const char* state : {"building", "waiting", "ready", "claimed", "realized", "failed", "cancelled"}) {
    const auto found = reply.futures().find(state);
    if (found == reply.futures().end() || found->second == 0) continue;
    std::printf("%s%llu %s", any ? ", " : "", static_cast<unsigned long long>(found->second), state);
    any = true;
  }
  std::printf("%s\n", any ? "" : "none");
  for (const std::string& warning : reply.warnings()) std::printf("warning: %s\n", warning.c_str());
}

int show_status(const std::string& cluster, bool json) {
  for (const std::string& path : places_to_ask(cluster)) {
    const auto reply = ask(path, cluster, wire::STATUS, wire::Status(), wire::STATUS_REPLY, wire::StatusReply());
    if (!reply) continue;
    json ? print_json(name_of(cluster), *reply) : print(name_of(cluster), *reply);
    return 0;
  }
  return nobody_answered(cluster);
}

}  // namespace

void add_status(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("status", "Show a cluster's workers, what they have in use, and its futures");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")
      ->envname(base::kClusterVariable)
      ->required();
  command->add_flag("--json", arguments->json, "For programs");
  command->callback([arguments, &exit_status] { exit_status = show_status(arguments->cluster, arguments->json); });
}

}  // namespace morrow::cli
