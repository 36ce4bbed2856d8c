// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/view.h"
#include "wire/join_url.h"

namespace morrow::cli {

namespace {

constexpr double kNsPerMs = 1e6;

/// The same function at all workers.
std::map<std::string, wire::FunctionSummary> merged(const std::vector<wire::SummaryReply>& replies) {
  std::map<std::string, wire::FunctionSummary> all;
  for (const wire::SummaryReply& reply : replies) {
    for (const wire::FunctionSummary& one : reply.functions()) {
      wire::FunctionSummary& sum = all[one.name()];
      sum.set_name(one.name());
      sum.set_waiting(sum.waiting() + one.waiting());
      sum.set_running(sum.running() + one.running());
      sum.set_finished(sum.finished() + one.finished());
      sum.set_failed(sum.failed() + one.failed());
      sum.set_cancelled(sum.cancelled() + one.cancelled());
      sum.set_retried(sum.retried() + one.retried());
      sum.set_runs(sum.runs() + one.runs());
      sum.set_ran_ns(sum.ran_ns() + one.ran_ns());
    }
  }
  return all;
}

Row summary_row(const wire::FunctionSummary& one) {
  const double total_ms = static_cast<double>(one.ran_ns()) / kNsPerMs;
  Row row;
  row["function"] = or_null(one.name());
  row["count"] = one.waiting() + one.running() + one.finished() + one.failed() + one.cancelled();
  row["waiting"] = one.waiting();
  row["running"] = one.running();
  row["finished"] = one.finished();
  row["failed"] = one.failed();
  row["cancelled"] = one.cancelled();
  row["retried"] = one.retried();
  row["total_ms"] = total_ms;
  row["mean_ms"] = one.runs() == 0 ? Row() : Row(total_ms / static_cast<double>(one.runs()));
  return row;
}

/// "0.0213 ms", "1.52 s", "3 min"
std::string time_text(const Row& ms) {
  if (ms.is_null()) return "-";
  constexpr double kSecond = 1'000;
  constexpr double kLong = 120 * kSecond;
  const double value = ms.get<double>();
  if (value >= kLong) return span_text(static_cast<std::uint64_t>(value));
  char text[32];
  std::snprintf(text, sizeof text, value < kSecond ? "%.3g ms" : "%.3g s", value < kSecond ? value : value / kSecond);
  return text;
}

Columns summary_columns() {
  return {{"FUNCTION", "function"},
          {"COUNT", "count"},
          {"WAITING", "waiting"},
          {"RUNNING", "running"},
          {"FINISHED", "finished"},
          {"FAILED", "failed"},
          {"CANCELLED", "cancelled"},
          {"RETRIED", "retried"},
          {"TIME", "total_ms", [](const Row& row) { return time_text(row["total_ms"]); }},
          {"MEAN", "mean_ms", [](const Row& row) { return time_text(row["mean_ms"]); }}};
}

int show_summary(const std::string& cluster, const View& view) {
  Workers workers = greet(cluster);
  const auto replies =
      ask_everywhere<wire::SummaryReply>(workers, wire::SUMMARY, wire::SummaryRequest(), wire::SUMMARY_REPLY);
  if (replies.empty()) return nobody_answered(cluster, workers);
  Rows rows;
  Found found{workers.troubles};
  for (const auto& [name, function] : merged(replies)) {
    rows.push_back(summary_row(function));
    found.worried |= function.failed() != 0;
  }
  for (const wire::SummaryReply& reply : replies) {
    if (!reply.error().empty()) found.worries.push_back(reply.error());
  }
  sort_rows(rows, summary_columns(), view.sort.empty() ? "-total_ms" : view.sort);
  std::string counted;
  for (const wire::SummaryReply& reply : replies) counted += (counted.empty() ? "" : ", ") + reply.worker();
  if (view.json) {
    nlohmann::ordered_json out;
    out["functions"] = rows;
    out["counted_by"] = nlohmann::ordered_json::array();
    for (const wire::SummaryReply& reply : replies)
      out["counted_by"].push_back({{"worker", reply.worker()}, {"started_unix_ms", reply.started_unix_ms()}});
    out["warnings"] = found.worries;
    print_json(out);
  } else {
    print_rows(rows, summary_columns());
    std::printf("\nends and times as counted by worker %s since its start%s\n", counted.c_str(),
                wire::is_join_url(cluster) ? "; for all workers run this on their machine" : "");
    print_worries(found.worries);
  }
  return status_of(view, found);
}

}  // namespace

void add_summary(CLI::App& app, int& exit_status) {
  add_view_command(
      app, "summary",
      "Show how the tasks of each function fare: those that wait and run now, and the ends since the workers' start",
      "a task that failed, a worker that does not answer", exit_status, show_summary);
}

}  // namespace morrow::cli
