// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "cli/amounts.h"
#include "cli/commands.h"
#include "wire/join_url.h"
#include "wire/paths.h"
#include "worker/port/port.h"
#include "worker/worker_main.h"

namespace morrow::cli {

namespace {

/// The options of `morrow worker`, as the command line has them.
struct Arguments {
  worker::WorkerOptions options;
  std::string cpus, memory, gpus, object_memory, spill_limit;
  std::vector<std::string> resources;
  int port = -1;
  double hand_over_s = 30;
};

void check(Arguments& arguments) {
  worker::WorkerOptions& options = arguments.options;
  if (options.private_folder.empty()) {
    if (options.cluster.empty())
      throw std::invalid_argument("say which cluster the worker belongs to: morrow worker CLUSTER");
    wire::check_name("cluster", options.cluster);
  } else if (options.private_fd < 0) {
    throw std::invalid_argument("--private needs --private-fd");
  }
  if (!options.name.empty()) wire::check_name("worker", options.name);
  if (arguments.port >= 0) options.port = static_cast<std::uint16_t>(arguments.port);
  if (!arguments.cpus.empty()) options.total.cpu_micro = parse_micro("--cpus", arguments.cpus);
  if (!arguments.cpus.empty() && options.total.cpu_micro == 0) throw std::invalid_argument("--cpus must be above 0");
  if (!arguments.memory.empty()) options.total.memory = parse_bytes(arguments.memory);
  options.all_gpus = arguments.gpus.empty();
  if (!arguments.gpus.empty()) options.total.gpu_micro = parse_micro("--gpus", arguments.gpus);
  if (options.total.gpu_micro % control::kOneMicro != 0)
    throw std::invalid_argument("--gpus must be a whole number: the GPUs this machine has");
  if (!arguments.object_memory.empty()) options.object_memory = parse_bytes(arguments.object_memory);
  if (!arguments.spill_limit.empty()) options.spill_limit = parse_bytes(arguments.spill_limit);
  options.hand_over_ms = static_cast<std::uint64_t>(arguments.hand_over_s * 1000);
  for (const std::string& text : arguments.resources) {
    // A name may be any bytes, but everybody in the cluster sees it.
    if (wire::without_token(text) != text)
      throw std::invalid_argument("--resource has a line to join a cluster; write NAME=AMOUNT, like license=2");
    const auto [name, amount] = parse_resource(text);
    if (!options.total.named_micro.emplace(name, amount).second)
      throw std::invalid_argument("--resource " + name + " is given twice");
  }
}

}  // namespace

void add_worker(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<Arguments>();
  worker::WorkerOptions& options = arguments->options;
  CLI::App* command =
      app.add_subcommand("worker", "Run a worker of a cluster on this machine, until SIGINT or SIGTERM");
  command->add_option("CLUSTER", options.cluster,
                      "Name of the cluster; workers with the same name and store work together");
  command->add_option("--name", options.name, "Name of this worker (default: the host's name)");
  command->add_option("--cpus", arguments->cpus, "CPUs that tasks may use (default: what this process may use)");
  command->add_option(
      "--memory", arguments->memory,
      "Memory that tasks may use, like 4GiB (default: 80 % of what the machine's limits leave, less --object-memory)");
  command->add_option("--object-memory", arguments->object_memory,
                      "Shared memory for large values, like 8GiB (default: 30 % of the machine's)");
  command->add_option("--spill-dir", options.spill_folder,
                      "Where large values go when that is full (default: in the state folder)");
  command->add_option("--spill-limit", arguments->spill_limit,
                      "The most that they may take there, like 100GB (default: what the disk has)");
  command
      ->add_option("--hand-over-s", arguments->hand_over_s,
                   "The longest that the worker hands over values which only it has to other workers before it leaves, "
                   "in seconds (default: 30)")
      ->check(CLI::Range(0.0, 1e6));
  command->add_option(
      "--gpus", arguments->gpus,
      "GPUs that tasks may use (default: those of CUDA_VISIBLE_DEVICES or AMD's variables, else all of the machine)");
  command
      ->add_option("--resource", arguments->resources,
                   "NAME=AMOUNT: something else that tasks may ask for; may be repeated")
      ->take_all();
  command->add_option("--store", options.store_url,
                      "Where the cluster's truth is kept, like lmdb:FOLDER (default: in the state folder)");
  command->add_option("--address", options.address,
                      "Address that drivers and workers on other hosts reach (default: 127.0.0.1, this machine only)");
  command->add_option("--port", arguments->port, "Its port (default: any free one)")->check(CLI::Range(0, 65535));
  command->add_option("--executors", options.executor_cap, "The most processes that run tasks at once (default: 256)")
      ->check(CLI::Range(1, 100000));
  command->add_flag("--insecure", options.insecure,
                    "Do not encrypt what is said on the port, for a network where everybody is trusted");
  command->add_flag("--quiet", options.quiet, "Say only what went wrong");
  // For programs that start their own worker, for tests and for measurements: not shown.
  command->add_option("--private", options.private_folder)->group("");
  command->add_option("--private-fd", options.private_fd)->group("");
  command->add_option("--lease-ms", options.lease_ms)->group("")->check(CLI::Range(100, 3'600'000));
  command->add_flag("--inline-store", options.inline_store)->group("");
  command->callback([arguments, &exit_status] {
    check(*arguments);
    exit_status = worker::run_worker(arguments->options);
  });
}

}  // namespace morrow::cli
