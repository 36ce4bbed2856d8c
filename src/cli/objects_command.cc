// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

std::string id_text(const wire::FutureId& id) { return id.scope() == 0 ? "-" : wire::future_text(id); }  // none yet

std::string place_text(const wire::ObjectInfo& object) {
  const std::string state = object.state().empty() ? "" : " (" + object.state() + ")";
  if (object.in_memory()) return (object.on_disk() ? "memory and disk" : "memory") + state;
  return (object.on_disk() ? "disk" : "on its way") + state;
}

std::string age_text(std::uint64_t ms) {
  constexpr std::uint64_t kSecond = 1000;
  if (ms < 60 * kSecond) return std::to_string(ms / kSecond) + " s";
  if (ms < 3600 * kSecond) return std::to_string(ms / (60 * kSecond)) + " min";
  return std::to_string(ms / (3600 * kSecond)) + " h";
}

void print_json(const std::vector<wire::ObjectsReply>& replies) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const wire::ObjectsReply& reply : replies) {
    for (const wire::ObjectInfo& object : reply.objects()) {
      out.push_back({{"future", id_text(object.future())},
                     {"bytes", object.size()},
                     {"worker", object.worker()},
                     {"in_memory", object.in_memory()},
                     {"on_disk", object.on_disk()},
                     {"age_ms", object.age_ms()},
                     {"readers", object.readers()},
                     {"state", object.state()}});
    }
  }
  std::printf("%s\n", out.dump(2).c_str());
}

void print(const std::vector<wire::ObjectsReply>& replies) {
  std::vector<std::vector<std::string>> rows{{"FUTURE", "SIZE", "WORKER", "WHERE", "AGE", "READERS"}};
  std::uint64_t memory = 0;
  std::uint64_t used = 0;
  std::uint64_t spilled = 0;
  std::uint64_t more = 0;
  for (const wire::ObjectsReply& reply : replies) {
    memory += reply.memory();
    used += reply.used();
    spilled += reply.spilled();
    more += reply.more();
    std::vector<wire::ObjectInfo> objects(reply.objects().begin(), reply.objects().end());
    std::sort(objects.begin(), objects.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
    for (const wire::ObjectInfo& object : objects) {
      rows.push_back({id_text(object.future()), byte_text(object.size()), object.worker(), place_text(object),
                      age_text(object.age_ms()), std::to_string(object.readers())});
    }
  }
  print_table(rows);
  if (more != 0) std::printf("… and %" PRIu64 " smaller ones\n", more);
  std::printf("\nobject memory: %s of %s in use, %s on disk\n", byte_text(used).c_str(), byte_text(memory).c_str(),
              byte_text(spilled).c_str());
}

int show_objects(const std::string& cluster, bool json) {
  std::vector<wire::ObjectsReply> replies;
  const auto add = [&replies](const wire::ObjectsReply& reply) {
    const bool known = std::any_of(replies.begin(), replies.end(),
                                   [&](const wire::ObjectsReply& one) { return one.worker() == reply.worker(); });
    if (!known) replies.push_back(reply);
  };
  for (const std::string& path : places_to_ask(cluster)) {
    wire::ObjectsRequest request;
    request.set_everywhere(replies.empty());
    auto reply = ask(path, cluster, wire::OBJECTS, request, wire::OBJECTS_REPLY, wire::ObjectsReply());
    if (!reply) continue;
    add(*reply);
    for (const wire::ObjectsReply& other : reply->others()) add(other);
  }
  if (replies.empty()) return nobody_answered(cluster);
  json ? print_json(replies) : print(replies);
  return 0;
}

}  // namespace

void add_objects(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("objects", "Show the large values that the workers of a cluster hold");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")
      ->envname(base::kClusterVariable)
      ->required();
  command->add_flag("--json", arguments->json, "For programs");
  command->callback([arguments, &exit_status] { exit_status = show_objects(arguments->cluster, arguments->json); });
}

}  // namespace morrow::cli
