// SPDX-License-Identifier: Apache-2.0
//
// What a task wrote stands in the log of the worker that ran it, between the lines of all others, each marked with the
// future and the attempt. So a task's output is read out of the logs of all workers of this machine, and needs no
// worker to be there: only what the logs can't know is asked, that is whether the task has ended (for --follow), which
// attempt it is at, and where else its log may be.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/environment.h"
#include "base/shown.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/log_files.h"
#include "wire/future_ids.h"
#include "wire/join_url.h"
#include "wire/paths.h"
#include "worker/logs/task_lines.h"

namespace morrow::cli {

namespace {

constexpr std::chrono::milliseconds kBetweenReads{200};
constexpr int kReadsPerQuestion = 5;  // whether it has ended: the workers have other things to do
/// A worker writes its logs to disk twice a second.
constexpr std::chrono::milliseconds kWrittenWithin{1'000};

/// What the command was given.
struct LogsArguments {
  std::string cluster;
  std::string what;
  bool follow = false;
  bool previous = false;
};

/// A line of a log. Into a file or a pipe go its bytes as they are; a terminal obeys nothing in it but colours.
void write_line(std::string_view text, bool whole, bool to_stderr) {
  std::FILE* const stream = to_stderr ? stderr : stdout;
  const bool terminal = isatty(to_stderr ? STDERR_FILENO : STDOUT_FILENO) == 1;
  const std::string line = (terminal ? base::shown_output(text) : std::string(text)) + (whole ? "\n" : "");
  std::fwrite(line.data(), 1, line.size(), stream);
}

/// What the workers know of a future, by id or by name; nothing: none of them does.
std::optional<wire::FutureInfo> ask_about(const std::string& cluster, const std::string& what) {
  wire::WhyRequest request;
  if (auto id = wire::parse_future(what)) {
    *request.mutable_id() = *std::move(id);
  } else {
    request.set_name(what);
  }
  Workers workers = greet(cluster);
  for (const wire::WhyReply& reply : ask_all<wire::WhyReply>(workers, wire::WHY, request, wire::WHY_REPLY)) {
    if (reply.futures_size() != 0) return reply.futures(0);
  }
  return std::nullopt;
}

bool has_ended(const wire::FutureInfo& future) {
  return future.state() == "realized" || future.state() == "failed" || future.state() == "cancelled";
}

/// Workers of the cluster on other hosts, "b on host far", as far as they are known.
std::string elsewhere(const std::string& cluster) {
  Workers workers = greet(cluster);
  wire::Status request;
  request.set_workers_only(true);
  const auto reply = ask_one<wire::StatusReply>(workers, wire::STATUS, request, wire::STATUS_REPLY);
  std::string text;
  if (!reply) return text;
  const auto here = workers_with_logs(cluster);
  for (const wire::WorkerStatus& worker : reply->workers()) {
    if (std::find(here.begin(), here.end(), worker.name()) != here.end()) continue;
    text += (text.empty() ? "" : ", ") + worker.name() + " on host " + worker.host();
  }
  return text;
}

// ---- of a worker ----

int show_worker(const LogsArguments& arguments) {
  if (arguments.previous) throw std::invalid_argument("a worker has one log, of all its runs: leave out --previous");
  LogReader reader(log_folder(arguments.cluster, arguments.what), "worker");
  const auto show = [](std::string_view line) { write_line(line, true, false); };
  const std::string socket = wire::worker_socket(arguments.cluster, arguments.what);
  for (bool lives = true;; std::this_thread::sleep_for(kBetweenReads)) {
    const bool last = !arguments.follow || !lives;
    lives = !last && wire::somebody_listens(socket);
    reader.read(show);
    std::fflush(stdout);
    if (last) return kDone;
  }
}

// ---- of a task ----

/// The output of a task in the logs of all workers here.
class TaskLog {
 public:
  explicit TaskLog(const std::string& cluster) {
    for (const std::string& worker : workers_with_logs(cluster))
      readers_.emplace_back(log_folder(cluster, worker), "tasks");
  }

  /// What came since the last time.
  template <class Take>
  void read(Take take) {
    for (LogReader& reader : readers_) {
      reader.read([&take](std::string_view line) {
        if (const auto parsed = worker::parse_task_line(line)) take(line, *parsed);
      });
    }
  }

 private:
  std::vector<LogReader> readers_;
};

/// The future of the task of this name that wrote last, or that future itself; nothing: it wrote nothing here.
struct Wrote {
  std::string future;
  std::string last_line;      ///< begins with its time
  std::uint32_t attempt = 0;  ///< the last
};
std::optional<Wrote> find_writer(const std::string& cluster, const std::string& what) {
  const bool by_id = wire::parse_future(what).has_value();
  const std::string name = worker::written_name(what);
  std::map<std::string, Wrote> found;
  TaskLog(cluster).read([&](std::string_view line, const worker::TaskLine& parsed) {
    if (parsed.future.empty() || (by_id ? parsed.future != what : parsed.name != name)) return;
    Wrote& wrote = found[std::string(parsed.future)];
    wrote.future = parsed.future;
    wrote.attempt = std::max(wrote.attempt, parsed.attempt);
    if (wrote.last_line < line) wrote.last_line = line;
  });
  std::optional<Wrote> last;
  for (const auto& [future, wrote] : found) {
    if (!last || last->last_line < wrote.last_line) last = wrote;
  }
  return last;
}

[[noreturn]] void nothing_written(const LogsArguments& arguments, const std::optional<wire::FutureInfo>& known) {
  const std::string others = elsewhere(arguments.cluster);
  const std::string hint =
      others.empty() ? "" : "; the logs of other workers are on their hosts: " + others + " (run morrow logs there)";
  if (known) {
    throw std::runtime_error("future " + wire::future_text(known->id()) + " '" + known->name() +
                             "' has written nothing on this machine: it " + known->reason() + hint);
  }
  throw std::runtime_error("no task and no worker '" + arguments.what + "' is in the logs of cluster " +
                           arguments.cluster + " on this machine (" + wire::state_folder(arguments.cluster, false) +
                           "/logs)" + hint);
}

/// The attempt that is asked for.
std::uint32_t attempt_of(const LogsArguments& arguments, const Wrote& wrote,
                         const std::optional<wire::FutureInfo>& known) {
  std::uint32_t current = wrote.attempt;
  if (known && known->running()) current = std::max(current, known->failed_attempts() + 1);
  if (known && known->state() == "failed") current = std::max(current, known->failed_attempts());
  if (!arguments.previous) return current;
  if (current < 2)
    throw std::runtime_error("future " + wrote.future + " is at its first attempt: there is none before it");
  return current - 1;
}

int show_task(const LogsArguments& arguments) {
  auto wrote = find_writer(arguments.cluster, arguments.what);
  const auto known = ask_about(arguments.cluster, wrote ? wrote->future : arguments.what);
  if (!wrote) {
    if (!arguments.follow || !known || has_ended(*known)) nothing_written(arguments, known);
    wrote = Wrote{wire::future_text(known->id()), "", known->failed_attempts() + 1};
  }
  const std::uint32_t attempt = attempt_of(arguments, *wrote, known);
  if (wrote->future != arguments.what)
    std::fprintf(stderr, "morrow: future %s, attempt %u\n", wrote->future.c_str(), attempt);
  TaskLog log(arguments.cluster);
  const auto show = [&](std::string_view, const worker::TaskLine& line) {
    // A next attempt is followed too.
    const bool shown = line.attempt == attempt || (arguments.follow && line.attempt > attempt);
    if (line.future != wrote->future || !shown) return;
    write_line(line.text, line.whole, line.to_stderr);
  };
  bool ended = !arguments.follow || arguments.previous;
  for (int turn = 0;; ++turn) {
    log.read(show);
    std::fflush(stdout);
    if (ended) return kDone;
    std::this_thread::sleep_for(kBetweenReads);
    if (turn % kReadsPerQuestion != 0) continue;
    const auto now = ask_about(arguments.cluster, wrote->future);
    ended = !now || has_ended(*now);
    if (ended) std::this_thread::sleep_for(kWrittenWithin);
  }
}

int show_logs(const LogsArguments& arguments) {
  if (wire::is_join_url(arguments.cluster))
    throw std::invalid_argument("logs are read on the machine that they are on, by the name of the cluster");
  wire::check_name("cluster", arguments.cluster);
  const auto workers = workers_with_logs(arguments.cluster);
  const bool is_worker = std::find(workers.begin(), workers.end(), arguments.what) != workers.end();
  return is_worker ? show_worker(arguments) : show_task(arguments);
}

}  // namespace

void add_logs(CLI::App& app, int& exit_status) {
  auto arguments = std::make_shared<LogsArguments>();
  CLI::App* command = app.add_subcommand(
      "logs",
      "Print what a task wrote, its standard output and error each to where they belong, or the log of a worker");
  command->add_option("CLUSTER", arguments->cluster, "Name of the cluster, a worker of which runs or ran here")
      ->required();
  command
      ->add_option("TASK|WORKER", arguments->what,
                   "The id of a future, as 0123456789abcdef/5, the name of its task (the one that wrote last), or the "
                   "name of a worker")
      ->required();
  command->add_flag("-f,--follow", arguments->follow, "Go on until the task has ended, or the worker");
  command->add_flag("--previous", arguments->previous, "Of the attempt before the current one");
  command->callback([arguments, &exit_status] { exit_status = show_logs(*arguments); });
}

}  // namespace morrow::cli
