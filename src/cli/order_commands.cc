// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/view.h"
#include "wire/future_ids.h"
#include "wire/join_url.h"
#include "wire/paths.h"

namespace morrow::cli {

namespace {

/// One after the other, until one does it.
int cancel_future(const std::string& cluster, const std::string& which) {
  wire::Order order;
  order.set_kind(wire::Order::CANCEL);
  if (auto id = wire::parse_future(which)) {
    *order.mutable_id() = *std::move(id);
  } else {
    order.set_name(which);
  }
  std::string error;
  Workers workers = greet(cluster);
  for (Talk& worker : workers.there) {
    const auto reply = ask<wire::OrderReply>(worker, workers, wire::ORDER, order, wire::ORDER_REPLY);
    if (!reply) continue;
    if (reply->error().empty()) {
      print_line(reply->sentence());
      return kDone;
    }
    error = reply->error();  // another worker may hold what the store does not have yet
  }
  if (error.empty()) return nobody_answered(cluster, workers);
  say_troubles(workers);
  throw std::runtime_error(error);
}

/// Only a worker of this machine: on others its name could be anybody's.
int order_worker(const std::string& cluster, const std::string& name, const wire::Order& order) {
  if (wire::is_join_url(cluster))
    throw std::invalid_argument("a worker is stopped or drained on its own machine, by name");
  Workers workers = greet(cluster);
  const auto named = std::find_if(workers.there.begin(), workers.there.end(),
                                  [&name](const Talk& worker) { return worker.worker() == name; });
  if (named != workers.there.end()) {
    const auto reply = ask<wire::OrderReply>(*named, workers, wire::ORDER, order, wire::ORDER_REPLY);
    if (!reply) return nobody_answered(cluster, workers);
    if (!reply->error().empty()) throw std::runtime_error(reply->error());
    print_line(reply->sentence());
    return kDone;
  }
  const std::string silent = "worker " + name + " does not answer";
  for (const std::string& trouble : workers.troubles) {
    if (trouble.starts_with(silent)) throw std::runtime_error(trouble);
  }
  if (workers.there.empty()) return nobody_answered(cluster, workers);
  std::string names;
  for (const Talk& worker : workers.there) names += (names.empty() ? "" : ", ") + worker.worker();
  throw std::runtime_error("no worker " + name + " of cluster " + cluster +
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

namespace {

/// What stop and drain are given.
struct WorkerOrder {
  std::string cluster;
  std::string worker;
  double limit_s = 0;
};

void add_worker_arguments(CLI::App& command, WorkerOrder& arguments) {
  command.add_option("CLUSTER", arguments.cluster, "Name of the cluster")->required();
  command.add_option("WORKER", arguments.worker, "Name of the worker, as morrow list workers shows it")->required();
}

}  // namespace

void add_stop(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<WorkerOrder>();
  CLI::App* command = app.add_subcommand(
      "stop", "Stop a worker of this machine in order: it gives back what runs, hands over its values, and leaves");
  add_worker_arguments(*command, *arguments);
  command->callback([arguments, &exit_status] {
    wire::Order order;
    order.set_kind(wire::Order::STOP);
    exit_status = order_worker(arguments->cluster, arguments->worker, order);
  });
}

void add_drain(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<WorkerOrder>();
  CLI::App* command = app.add_subcommand(
      "drain",
      "Have a worker of this machine take no new task, let those that run finish, hand over its values, and leave");
  add_worker_arguments(*command, *arguments);
  command
      ->add_option("--limit", arguments->limit_s,
                   "After so many seconds it gives back what runs still, as stop does (default: it waits)")
      ->check(CLI::Range(0.001, 1e9));
  command->callback([arguments, &exit_status] {
    constexpr double kMsPerSecond = 1000;
    wire::Order order;
    order.set_kind(wire::Order::DRAIN);
    order.set_limit_ms(static_cast<std::uint64_t>(arguments->limit_s * kMsPerSecond));
    exit_status = order_worker(arguments->cluster, arguments->worker, order);
  });
}

}  // namespace morrow::cli
