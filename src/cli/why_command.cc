// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/environment.h"
#include "base/shown.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/rows.h"
#include "cli/view.h"
#include "wire/future_ids.h"

namespace morrow::cli {

namespace {

void print(const wire::WhyReply& reply, const Found& found, bool json) {
  if (json) {
    nlohmann::ordered_json out;
    out["futures"] = nlohmann::ordered_json::array();
    for (const wire::FutureInfo& future : reply.futures()) out["futures"].push_back(row_of(future));
    out["warnings"] = found.worries;
    return print_json(out);
  }
  for (const wire::FutureInfo& future : reply.futures()) {
    const std::string name = future.name().empty() ? "" : " '" + base::shown_line(future.name()) + "'";
    print_line("future " + wire::future_text(future.id()) + name + " " + future.reason());
  }
  print_worries(found.worries);
}

int show_why(const std::string& cluster, const std::string& question, const View& view) {
  wire::WhyRequest request;
  if (auto id = wire::parse_future(question)) {
    *request.mutable_id() = *std::move(id);
  } else {
    request.set_name(question);
  }
  Workers workers = greet(cluster);
  // Each may hold what the store does not have yet.
  const auto replies = ask_all<wire::WhyReply>(workers, wire::WHY, request, wire::WHY_REPLY);
  Found found{workers.troubles};
  std::string error;
  for (const wire::WhyReply& reply : replies) {
    error = reply.error();
    if (reply.futures_size() == 0) continue;
    if (!reply.warning().empty()) found.worries.insert(found.worries.begin(), reply.warning());
    for (const wire::FutureInfo& future : reply.futures()) found.worried |= future.state() == "failed";
    print(reply, found, view.json);
    return status_of(view, found);
  }
  if (error.empty()) return nobody_answered(cluster, workers);
  say_troubles(workers);
  throw std::runtime_error(error);
}

}  // namespace

void add_why(CLI::App& app, int& exit_status) {
  struct Arguments {
    std::string cluster;
    std::string question;
    View view;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("why", "Say why a future is not there yet: what it waits for, to the root");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")->required();
  command
      ->add_option("FUTURE", arguments->question,
                   "Its id, as 0123456789abcdef/5, or the name of its task, in which * stands for any text")
      ->required();
  add_view(*command, arguments->view, false, "it failed, a worker does not answer, the store is full or away");
  command->callback(
      [arguments, &exit_status] { exit_status = show_why(arguments->cluster, arguments->question, arguments->view); });
}

}  // namespace morrow::cli
