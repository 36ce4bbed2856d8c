// SPDX-License-Identifier: Apache-2.0
//
//     # HELP morrow_ends_total Tasks that have ended here, by how.
//     # TYPE morrow_ends_total counter
//     morrow_ends_total{kind="value"} 12
//
//     # TYPE morrow_run_seconds histogram
//     morrow_run_seconds_bucket{le="0.001"} 9        those that took so long at the most, all shorter ones included
//     morrow_run_seconds_bucket{le="+Inf"} 12        all
//     morrow_run_seconds_sum 3.2
//     morrow_run_seconds_count 12
//
// Counting costs the tasks nothing but additions (worker/brain/durations.h); text is made when somebody asks.
#include "worker/shell/metrics.h"

#include <string_view>

#include <fmt/format.h>

#include "base/shown.h"
#include "worker/shell/recent_failures.h"

namespace morrow::worker {

namespace {

constexpr double kNanoseconds = 1e9;  // of a second

/// The value of a label is UTF-8, and may hold what users name their resources.
std::string escaped_label(std::string_view text) {
  std::string out;
  for (const char c : base::shown_line(text)) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

/// Appends one metric after the other.
class MetricsText {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP morrow_{0} {2}\n# TYPE morrow_{0} {1}\n", name, type, help);
  }
  void value(double number) { text_ += fmt::format("morrow_{} {}\n", name_, number); }
  void value(std::string_view label, std::string_view of, double number) {
    text_ += fmt::format("morrow_{}{{{}=\"{}\"}} {}\n", name_, label, escaped_label(of), number);
  }

  void gauge(std::string_view name, std::string_view help, double number) {
    begin(name, "gauge", help);
    value(number);
  }
  void counter(std::string_view name, std::string_view help, std::uint64_t number) {
    begin(name, "counter", help);
    value(static_cast<double>(number));
  }
  void histogram(std::string_view name, std::string_view help, const Durations& durations) {
    begin(name, "histogram", help);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < Durations::kBounds.size(); ++i) {
      so_far += durations.counts()[i];
      const double bound = static_cast<double>(Durations::kBounds[i]) / kNanoseconds;
      text_ += fmt::format("morrow_{}_bucket{{le=\"{}\"}} {}\n", name_, bound, so_far);
    }
    so_far += durations.counts().back();
    text_ += fmt::format("morrow_{0}_bucket{{le=\"+Inf\"}} {1}\nmorrow_{0}_sum {2}\nmorrow_{0}_count {1}\n", name_,
                         so_far, static_cast<double>(durations.sum_ns()) / kNanoseconds);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void add_tasks(MetricsText& text, const MetricFacts& facts) {
  const Brain::Counters& counters = facts.counters;
  text.counter("tasks_total", "Tasks given to executors.", counters.tasks);
  text.begin("ends_total", "counter", "Tasks that have ended here for good, by how.");
  text.value("kind", "value", static_cast<double>(counters.values));
  for (const auto& [kind, count] : facts.failures) text.value("kind", name_of(kind), static_cast<double>(count));
  text.counter("retries_total", "Attempts that failed and were tried again.", facts.retries);
  text.begin("queued_tasks", "gauge", "Tasks that wait here for a process and resources, by what they need.");
  for (const auto& [need, count] : facts.queued) text.value("needs", need.text(), static_cast<double>(count));
  text.histogram("start_wait_seconds", "From a task's coming to this worker to its start.", counters.waited);
  text.histogram("run_seconds", "From an attempt's start to its end, without its waits for other futures.",
                 counters.ran);
}

void add_store(MetricsText& text, const Brain::Counters& counters) {
  text.counter("rounds_total", "Rounds of this worker.", counters.rounds);
  text.counter("commits_total", "Transactions of these rounds.", counters.commits);
  text.counter("commit_conflicts_total", "Tries of these that others were in the way of.", counters.conflicts);
  text.counter("commit_bytes_total", "Bytes of these rounds, about.", counters.bytes);
  text.histogram("commit_seconds", "From a round's start to the store's answer.", counters.committed);
}

void add_values(MetricsText& text, const Objects::Usage& objects) {
  text.gauge("objects", "Large values that this worker holds.", static_cast<double>(objects.objects));
  text.gauge("object_memory_total_bytes", "Shared memory for large values.", static_cast<double>(objects.memory));
  text.gauge("object_memory_used_bytes", "Shared memory that large values take.", static_cast<double>(objects.used));
  text.gauge("object_spilled_bytes", "Bytes of large values on disk.", static_cast<double>(objects.spilled));
}

void add_port(MetricsText& text, const PortUse& port) {
  text.gauge("port_connections", "Connections of the port that have shown the token.",
             static_cast<double>(port.holders));
  text.gauge("port_strangers", "Connections of the port that have not shown the token so far.",
             static_cast<double>(port.strangers));
  text.begin("port_turned_away_total", "counter", "Requests and connections that the port turned away, by why.");
  for (const auto& [reason, count] : port.turned_away) text.value("why", reason, static_cast<double>(count));
}

}  // namespace

std::string metrics_text(const MetricFacts& facts) {
  MetricsText text;
  text.gauge("executors", "Processes that run tasks.", static_cast<double>(facts.executors));
  text.gauge("cpus_total", "CPUs that tasks may use.", static_cast<double>(facts.total.cpu_micro) / 1e6);
  text.gauge("cpus_used", "CPUs that tasks use.", static_cast<double>(facts.used.cpu_micro) / 1e6);
  text.gauge("memory_total_bytes", "Memory that tasks may ask for.", static_cast<double>(facts.total.memory));
  text.gauge("memory_used_bytes", "Memory that tasks asked for.", static_cast<double>(facts.used.memory));
  text.gauge("sessions", "Drivers that are attached to this worker.", static_cast<double>(facts.sessions));
  add_tasks(text, facts);
  add_store(text, facts.counters);
  add_values(text, facts.objects);
  add_port(text, facts.port);
  return text.take();
}

}  // namespace morrow::worker
