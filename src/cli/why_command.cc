// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/future_json.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

void print(const wire::WhyReply& reply) {
  for (const wire::FutureInfo& future : reply.futures()) {
    const std::string name = future.name().empty() ? "" : " '" + future.name() + "'";
    std::printf("future %s%s %s\n", wire::future_text(future.id()).c_str(), name.c_str(), future.reason().c_str());
  }
  if (!reply.warning().empty()) std::printf("warning: %s\n", reply.warning().c_str());
}

void print_json(const wire::WhyReply& reply) {
  nlohmann::ordered_json out;
  out["futures"] = nlohmann::ordered_json::array();
  for (const wire::FutureInfo& future : reply.futures()) out["futures"].push_back(future_json(future));
  out["warning"] = reply.warning();
  std::printf("%s\n", out.dump(2).c_str());
}

int show_why(const std::string& cluster, const std::string& question, bool json) {
  wire::WhyRequest request;
  if (auto id = wire::parse_future(question)) {
    *request.mutable_id() = *std::move(id);
  } else {
    request.set_name(question);
  }
  std::string error;
  for (const std::string& path : places_to_ask(cluster)) {
    const auto reply = ask(path, cluster, wire::WHY, request, wire::WHY_REPLY, wire::WhyReply());
    if (!reply) continue;
    if (reply->futures_size() != 0) {
      json ? print_json(*reply) : print(*reply);
      return 0;
    }
    error = reply->error();  // another one may hold what the store does not have yet
  }
  if (error.empty()) return nobody_answered(cluster);
  throw std::runtime_error(error);
}

}  // namespace

void add_why(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    std::string question;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("why", "Say why a future is not there yet: what it waits for, to the root");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")->required();
  command
      ->add_option("FUTURE", arguments->question,
                   "Its id, as 0123456789abcdef/5, or the name of its task, in which * stands for any text")
      ->required();
  command->add_flag("--json", arguments->json, "For programs");
  command->callback(
      [arguments, &exit_status] { exit_status = show_why(arguments->cluster, arguments->question, arguments->json); });
}

}  // namespace morrow::cli
