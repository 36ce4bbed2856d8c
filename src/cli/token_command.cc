// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include "cli/ask.h"
#include "cli/commands.h"
#include "wire/addresses.h"
#include "wire/join_url.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

/// The best first.
enum class Kind { kNone, kThisMachine, kPlain, kEncrypted };

Kind kind_of(const std::string& line) {
  const wire::JoinUrl url = wire::parse_join_url(line);
  if (!url.ca_fingerprint.empty()) return Kind::kEncrypted;
  return wire::is_loopback(url.host) ? Kind::kThisMachine : Kind::kPlain;
}

int show_token(const std::string& cluster, const std::string& address) {
  wire::check_name("cluster", cluster);
  wire::TokenRequest request;
  request.set_address(address);
  std::string line;
  std::string error;
  Kind best = Kind::kNone;
  Workers workers = greet(cluster);
  for (const wire::TokenReply& reply : ask_all<wire::TokenReply>(workers, wire::TOKEN, request, wire::TOKEN_REPLY)) {
    if (!reply.error().empty()) {
      error = reply.error();
      continue;
    }
    const Kind kind = kind_of(reply.line());
    if (kind <= best) continue;
    best = kind;
    line = reply.line();
  }
  if (best == Kind::kNone) {
    if (error.empty()) return nobody_answered(cluster, workers);
    throw std::runtime_error(error);
  }
  std::printf("%s\n", line.c_str());
  const std::string host = wire::parse_join_url(line).host;
  if (best == Kind::kThisMachine && address.empty()) {
    std::fprintf(stderr,
                 "morrow: this line is for programs on this machine only; for others start a worker with --address "
                 "ADDRESS, one of this machine's, or 0.0.0.0 for all of them\n");
  } else if (host == "0.0.0.0" || host == "::") {
    std::fprintf(stderr,
                 "morrow: this machine has no address that others reach; give the one they use: --address "
                 "HOST:PORT\n");
  }
  return 0;
}

}  // namespace

void add_token(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    std::string address;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "token",
      "Print the line by which programs on other hosts join a cluster: a secret, for MORROW_CLUSTER or Session");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, a worker of which runs here")->required();
  command->add_option("--address", arguments->address,
                      "HOST:PORT by which others reach it (default: the worker's own)");
  command->callback([arguments, &exit_status] { exit_status = show_token(arguments->cluster, arguments->address); });
}

}  // namespace morrow::cli
