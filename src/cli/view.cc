// SPDX-License-Identifier: Apache-2.0
#include "cli/view.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <utility>

#include "base/environment.h"
#include "base/shown.h"
#include "cli/exit_status.h"
#include "cli/table.h"
#include "wire/join_url.h"

namespace morrow::cli {

namespace {

constexpr double kOftenest = 0.1;  // seconds: the workers have other things to do
constexpr double kUsual = 2;
constexpr const char* kClearScreen = "\033[H\033[2J\033[3J";

}  // namespace

void add_view(CLI::App& command, View& view, bool rows, const std::string& worries) {
  command.add_flag("--json", view.json, "For programs: numbers are numbers, what is absent is null");
  command.add_flag("-w,--warn", view.warn, "End with status 3 when there is something to worry about: " + worries);
  if (!rows) return;
  command.add_option("--sort", view.sort, "By this column, or with - before it the largest first");
  command
      .add_option_function<double>(
          "--watch", [&view](double seconds) { view.watch_s = seconds; },
          "Show it again every so many seconds (default: 2), until Ctrl-C; write it last")
      ->expected(0, 1)
      ->default_str(std::to_string(static_cast<int>(kUsual)))
      ->check(CLI::Range(kOftenest, 1e6));
}

CLI::App& add_view_command(CLI::App& app, const std::string& name, const std::string& description,
                           const std::string& worries, int& exit_status,
                           std::function<int(const std::string& cluster, const View& view)> show) {
  struct Arguments {
    std::string cluster;
    View view;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, or its morrow:// line")
      ->envname(base::kClusterVariable)
      ->required();
  add_view(*command, arguments->view, true, worries);
  command->callback([arguments, &exit_status, show = std::move(show)] {
    exit_status = show_view(arguments->view, [&] { return show(arguments->cluster, arguments->view); });
  });
  return *command;
}

int show_view(const View& view, const std::function<int()>& show) {
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  for (bool first = true;; first = false) {
    if (view.watch_s > 0 && terminal) {
      std::fputs(kClearScreen, stdout);
    } else if (!first) {
      std::fputs("\n", stdout);
    }
    const int status = show();
    if (std::fflush(stdout) != 0 || view.watch_s <= 0 || status == kFailed) return status;
    std::this_thread::sleep_for(std::chrono::duration<double>(view.watch_s));
  }
}

int status_of(const View& view, const Found& found) {
  return view.warn && (found.worried || !found.worries.empty()) ? kWorry : kDone;
}

void print_line(const std::string& sentence) { std::printf("%s\n", base::shown_text(sentence).c_str()); }

void complain(const std::string& sentence) {
  std::fprintf(stderr, "morrow: %s\n", base::shown_text(wire::without_bare_tokens(sentence)).c_str());
}

void print_worries(const std::vector<std::string>& worries) {
  for (const std::string& worry : worries) print_line("warning: " + worry);
}

void print_json(const nlohmann::ordered_json& json) { std::printf("%s\n", json_text(json, 2).c_str()); }

}  // namespace morrow::cli
