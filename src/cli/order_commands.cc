// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "cli/ask.h"
#include "cli/commands.h"
#include "wire/future_ids.h"
#include "wire/join_url.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

int cancel_future(const std::string& cluster, const std::string& which) {
  wire::Order order;
  order.set_kind(wire::Order::CANCEL);
  if (auto id = wire::parse_future(which)) {
    *order.mutable_id() = *std::move(id);
  } else {
    order.set_name(which);
  }
  std::string error;
  for (const std::string& path : places_to_ask(cluster)) {
    const auto reply = ask(path, cluster, wire::ORDER, order, wire::ORDER_REPLY, wire::OrderReply());
    if (!reply) continue;
    if (reply->error().empty()) {
      std::printf("%s\n", reply->sentence().c_str());
      return 0;
    }
    error = reply->error();  // another worker may hold what the store does not have yet
  }
  if (error.empty()) return nobody_answered(cluster);
  throw std::runtime_error(error);
}

/// Only a worker of this machine: on others its name could be anybody's.
int stop_worker(const std::string& cluster, const std::string& worker) {
  if (wire::is_join_url(cluster)) throw std::invalid_argument("a worker is stopped on its own machine, by name");
  wire::check_name("cluster", cluster);
  std::string names;
  for (const std::string& path : wire::worker_sockets(cluster)) {
    const std::string name = wire::worker_of_socket(path);
    names += (names.empty() ? "" : ", ") + name;
    if (name != worker) continue;
    wire::Order order;
    order.set_kind(wire::Order::STOP);
    const auto reply = ask(path, cluster, wire::ORDER, order, wire::ORDER_REPLY, wire::OrderReply());
    if (!reply) return nobody_answered(cluster);
    if (!reply->error().empty()) throw std::runtime_error(reply->error());
    std::printf("%s\n", reply->sentence().c_str());
    return 0;
  }
  if (names.empty()) return nobody_answered(cluster);
  throw std::runtime_error("no worker " + worker + " of cluster " + cluster +
                           " runs on this machine; there are: " + names);
}

}  // namespace

void add_cancel(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    std::string which;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("cancel", "Cancel a future: its task does not start, or its process is ended");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")->required();
  command
      ->add_option("FUTURE", arguments->which,
                   "Its id, as 0123456789abcdef/5, or the name of its task, if no other has it")
      ->required();
  command->callback([arguments, &exit_status] { exit_status = cancel_future(arguments->cluster, arguments->which); });
}

void add_stop(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    std::string worker;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "stop", "Stop a worker of this machine in order: it gives back what runs, hands over its values, and leaves");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster")->required();
  command->add_option("WORKER", arguments->worker, "Name of the worker")->required();
  command->callback([arguments, &exit_status] { exit_status = stop_worker(arguments->cluster, arguments->worker); });
}

}  // namespace morrow::cli
