#include <cstdio>
#include <memory>
#include <string>

#include "cli/ask.h"
#include "cli/commands.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

int show_token(const std::string& cluster, const std::string& address) {
  wire::check_name("cluster", cluster);
  wire::TokenRequest request;
  request.set_address(address);
  for (const std::string& path : wire::worker_sockets(cluster)) {
    const auto reply = ask(path, cluster, wire::TOKEN, request, wire::TOKEN_REPLY, wire::TokenReply());
    if (!reply) continue;
    if (!reply->error().empty()) throw std::runtime_error(reply->error());
    std::printf("%s\n", reply->line().c_str());
    return 0;
  }
  std::fprintf(stderr, "morrow: no worker of cluster %s runs on this machine; start one with: morrow worker %s\n",
               cluster.c_str(), cluster.c_str());
  return 1;
}

}  // namespace

void add_token(CLI::App& app, int& exit_status) {
  struct Given {
    std::string cluster;
    std::string address;
  };
  auto given = std::make_shared<Given>();
  CLI::App* command = app.add_subcommand(
      "token",
      "Print the line by which programs on other hosts join a cluster: a secret, for MORROW_CLUSTER or Session");
  command->add_option("CLUSTER", given->cluster, "Name of the cluster, a worker of which runs here")->required();
  command->add_option("--address", given->address, "HOST:PORT by which others reach it (default: the worker's own)");
  command->callback([given, &exit_status] { exit_status = show_token(given->cluster, given->address); });
}

}  // namespace morrow::cli
